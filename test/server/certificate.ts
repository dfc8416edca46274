import { makeKey } from '../../ca/hierarchy/keystore.ts'
import { distinguishedName } from '../../ca/x509/distinguished-name.ts'
import { encodeTbsCertificate, pemOf, signStructure } from '../../ca/x509/x509.ts'
import type { ServerCertificate } from '../../server/listen/tls.ts'

/** A certificate that vouches for itself. */
export async function selfSigned(commonName: string): Promise<ServerCertificate> {
  const { pem, signer } = await makeKey('ecdsa-p256')
  const name = distinguishedName({ commonName })
  const now = Date.now()
  const validity = { notBefore: now - 60_000, notAfter: now + 3_600_000 }
  const template = {
    serial: '01',
    issuer: name,
    subject: name,
    publicKey: signer.publicKey,
    extensions: [],
    ...validity,
  }
  const der = await signStructure(encodeTbsCertificate(template, signer.algorithm), signer)
  return { certificate: pemOf('CERTIFICATE', der), key: pem }
}
