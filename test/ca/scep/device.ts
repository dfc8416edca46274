import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { CIPHERS, DIGESTS } from '../../../ca/cms/algorithms.ts'
import { readEnveloped, readSigned } from '../../../ca/cms/read.ts'
import { attribute, envelopedMessage, type Recipient, signedMessage } from '../../../ca/cms/write.ts'
import { makeKey, signerOf } from '../../../ca/hierarchy/keystore.ts'
import { ATTRIBUTE } from '../../../ca/scep/message.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { elementsIn, objectIdentifier, sequence, Tag, textOf, tlv, unsignedInteger } from '../../../ca/x509/der.ts'
import { distinguishedName } from '../../../ca/x509/distinguished-name.ts'
import { basicConstraints, encodeExtension, subjectKeyIdentifier } from '../../../ca/x509/extensions.ts'
import { generalName } from '../../../ca/x509/general-names.ts'
import { keyIdentifier } from '../../../ca/x509/public-key.ts'
import { encodeTbsCertificate, signStructure } from '../../../ca/x509/x509.ts'
import { systemRandom } from '../../../host/random.ts'

/** What may be different in a message from what is right. */
export interface Bent {
  /** What the content is encrypted with, and what is signed over; by the names that node:crypto has. */
  cipher?: string
  digest?: string
  /** The certificate and key that sign. */
  as?: Identity
  transaction?: string
  /** Changes what is encrypted, and what is sent. */
  content?(octets: Uint8Array): Uint8Array
  message?(octets: Uint8Array): Uint8Array
  without?: keyof typeof ATTRIBUTE
}

/** A key with a certificate of it. */
export interface Identity {
  key: KeyObject
  certificate: Uint8Array
}

/** What came back, opened. */
export interface Answer {
  status: string
  failure: string | undefined
  text: string | undefined
  transaction: string
  recipientNonce: Uint8Array
  /** DER certificates or, of GetCRL, CRLs. */
  certificates: Uint8Array[]
  crls: Uint8Array[]
}

const pem = (await makeKey('rsa-2048')).pem
/** One RSA key for all tests that need no other: making one takes a while. */
export const deviceKey = createPrivateKey(pem)

/** The key with a certificate that it has given itself. */
export async function selfSigned(keyPem = pem, now = Date.UTC(2026, 0, 1)): Promise<Identity> {
  const signer = signerOf(keyPem, 'the device')
  const name = distinguishedName({ commonName: 'device' })
  const tbs = encodeTbsCertificate(
    {
      serial: '01',
      issuer: name,
      subject: name,
      notBefore: now,
      notAfter: now + 86_400_000,
      publicKey: signer.publicKey,
      extensions: [basicConstraints(false), subjectKeyIdentifier(keyIdentifier(signer.publicKey))],
    },
    signer.algorithm,
  )
  return { key: createPrivateKey(keyPem), certificate: await signStructure(tbs, signer) }
}

/** A CSR (RFC 2986) for these DNS names, with a challenge password where given. */
export async function csrFor(names: readonly string[], password?: string, keyPem = pem): Promise<Uint8Array> {
  const signer = signerOf(keyPem, 'the device')
  const set = (oid: string, value: Uint8Array) => tlv(Tag.SEQUENCE, objectIdentifier(oid), tlv(Tag.SET, value))
  const san = tlv(Tag.SEQUENCE, ...names.map(value => generalName({ type: 'dns', value })))
  const attributes = [
    ...(password === undefined ? [] : [set('1.2.840.113549.1.9.7', tlv(Tag.PRINTABLE_STRING, Buffer.from(password)))]),
    set('1.2.840.113549.1.9.14', tlv(Tag.SEQUENCE, encodeExtension('2.5.29.17', false, san))),
  ]
  const subject = distinguishedName({ commonName: names[0] })
  const info = tlv(Tag.SEQUENCE, unsignedInteger(Uint8Array.of(0)), subject, signer.publicKey, tlv(0xa0, ...attributes))
  return signStructure(info, signer)
}

export const TYPES = { RenewalReq: '17', PKCSReq: '19', CertPoll: '20', GetCert: '21', GetCRL: '22' } as const

/** The pkiMessage that a device sends to the registration authority. */
export function messageOf(
  type: string,
  content: Uint8Array,
  ra: Uint8Array,
  by: Identity,
  bent: Bent = {},
): Uint8Array {
  const cipher = CIPHERS.find(({ name }) => name === (bent.cipher ?? 'aes-128-cbc'))!
  const digest = DIGESTS.find(({ name }) => name === (bent.digest ?? 'sha256'))!
  const enveloped = envelopedMessage(bent.content?.(content) ?? content, recipientOf(ra), cipher, systemRandom)
  const text = (value: string) => tlv(Tag.PRINTABLE_STRING, Buffer.from(value))
  const all = {
    messageType: text(type),
    transactionID: text(bent.transaction ?? transactionOf(by)),
    senderNonce: tlv(Tag.OCTET_STRING, Buffer.alloc(16, 7)),
  }
  const attributes = Object.entries(all).filter(([name]) => name !== bent.without)
  const encoded = attributes.map(([name, value]) => attribute(ATTRIBUTE[name as keyof typeof ATTRIBUTE], value))
  const signer = { ...by, id: recipientOf(by.certificate).id }
  const message = signedMessage(enveloped, encoded, signer, digest)
  return bent.message?.(message) ?? message
}

/** RFC 8894 §3.2.1.1: as most clients have it, a digest of the key. */
function transactionOf({ certificate }: Identity): string {
  return createHash('sha256').update(readCertificate(certificate).publicKey).digest('hex')
}

function recipientOf(certificate: Uint8Array): Recipient {
  const { issuer, serial, publicKey } = readCertificate(certificate)
  const id = tlv(Tag.SEQUENCE, issuer, unsignedInteger(Buffer.from(serial, 'hex')))
  return { key: createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' }), id }
}

/** Opens a CertRep; fails where it is not signed by the registration authority, or not for this key. */
export function openAnswer(octets: Uint8Array, ra: Uint8Array, key: KeyObject): Answer {
  const signed = readSigned(octets)
  signed.verify(true)
  if (!Buffer.from(signed.signer.der).equals(ra)) throw new Error('it is not signed by the registration authority')
  const value = (name: keyof typeof ATTRIBUTE) => signed.attributes.get(ATTRIBUTE[name])
  const text = (name: keyof typeof ATTRIBUTE) => {
    const der = value(name)
    return der && textOf(elementsIn(der)[0]!)
  }
  const content = signed.content.length > 0 ? readEnveloped(signed.content, true).open(key) : undefined
  return {
    status: text('pkiStatus')!,
    failure: text('failInfo'),
    text: text('failInfoText'),
    transaction: text('transactionID')!,
    recipientNonce: elementsIn(value('recipientNonce')!)[0]!.content,
    ...contentsOf(content),
  }
}

/** What is in a degenerate SignedData (RFC 5652 §5.2). */
export function contentsOf(content: Uint8Array | undefined): Pick<Answer, 'certificates' | 'crls'> {
  if (!content) return { certificates: [], crls: [] }
  const [, explicit] = sequence(content)
  const [data] = elementsIn(explicit!.content)
  const fields = elementsIn(data!.content)
  const inside = (tag: number) =>
    elementsIn(fields.find(field => field.tag === tag)?.content ?? new Uint8Array()).map(({ whole }) => whole)
  return { certificates: inside(0xa0), crls: inside(0xa1) }
}

/** The certificate that has this key. */
export function ownOf(certificates: readonly Uint8Array[], key: KeyObject): X509Certificate {
  return certificates.map(der => new X509Certificate(der)).find(one => one.checkPrivateKey(key))!
}
