import { createHash } from 'node:crypto'
import { KeyUsageFlags } from '@peculiar/asn1-x509'
import { makeKey } from '../../../ca/hierarchy/keystore.ts'
import { identifierOfHost } from '../../../ca/identifier.ts'
import { tlv } from '../../../ca/x509/der.ts'
import { distinguishedName } from '../../../ca/x509/distinguished-name.ts'
import { encodeExtension, keyUsage, subjectAltName } from '../../../ca/x509/extensions.ts'
import { encodeTbsCertificate, pemOf, signStructure } from '../../../ca/x509/x509.ts'

/** What may be wrong about the acmeIdentifier (RFC 8737 §3). */
export interface Mark {
  keyAuthorization: string
  critical?: boolean
  /** The extension's value instead of the digest's. */
  value?: Uint8Array
  twice?: boolean
}

/** A self-signed certificate for these hosts, with an acmeIdentifier where asked. */
export async function certificateFor(hosts: string[], mark?: Mark): Promise<{ key: string; certificate: string }> {
  const { pem, signer } = await makeKey('ecdsa-p256')
  const name = distinguishedName({ commonName: 'challenge' })
  const template = {
    serial: '00000000000000000000000000000001',
    issuer: name,
    subject: name,
    notBefore: Date.now() - 3_600_000,
    notAfter: Date.now() + 3_600_000,
    publicKey: signer.publicKey,
    extensions: [
      keyUsage(KeyUsageFlags.digitalSignature),
      ...(hosts.length > 0 ? [subjectAltName(hosts.map(identifierOfHost), false)] : []),
      ...(mark ? marks(mark) : []),
    ],
  }
  const der = await signStructure(encodeTbsCertificate(template, signer.algorithm), signer)
  return { key: pem, certificate: pemOf('CERTIFICATE', der) }
}

function marks({ keyAuthorization, critical = true, value, twice = false }: Mark): Uint8Array[] {
  const digest = tlv(0x04, createHash('sha256').update(keyAuthorization).digest())
  const one = encodeExtension('1.3.6.1.5.5.7.1.31', critical, value ?? digest)
  return twice ? [one, one] : [one]
}
