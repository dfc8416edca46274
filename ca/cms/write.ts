import { constants, createCipheriv, createHash, type KeyObject, publicEncrypt, sign } from 'node:crypto'
import type { Random } from '../../host/random.ts'
import { objectIdentifier, Tag, tlv } from '../x509/der.ts'
import { type Cipher, plainAlgorithm, RSA } from './algorithms.ts'

/** Content types (RFC 5652 §4, §5.1, §6.1). */
export const CONTENT = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  envelopedData: '1.2.840.113549.1.7.3',
} as const

/** Attributes that every signature has (RFC 5652 §11.1, §11.2). */
export const ATTRIBUTE = { contentType: '1.2.840.113549.1.9.3', messageDigest: '1.2.840.113549.1.9.4' } as const

/** [0] and [1], constructed. */
const FIRST = 0xa0
const SECOND = 0xa1

/** A message of certificates and CRLs alone, which nobody signs ("degenerate", RFC 5652 §5.2; RFC 8894 §3.4); all DER. */
export function certificatesOnly(certificates: readonly Uint8Array[], crls: readonly Uint8Array[] = []): Uint8Array {
  const content = tlv(Tag.SEQUENCE, objectIdentifier(CONTENT.data))
  const set = certificates.length > 0 ? [tlv(FIRST, ...certificates)] : []
  const lists = crls.length > 0 ? [tlv(SECOND, ...crls)] : []
  return contentInfo(CONTENT.signedData, tlv(Tag.SEQUENCE, version(1), EMPTY_SET, content, ...set, ...lists, EMPTY_SET))
}

/** Who signs: an RSA key with its DER certificate, told by issuer and serial number. */
export interface MessageSigner {
  key: KeyObject
  certificate: Uint8Array
  /** DER IssuerAndSerialNumber of that certificate. */
  id: Uint8Array
}

/** A signed message (RFC 5652 §5) with these attributes, each a DER Attribute; SHA-256 and RSA. */
export function signedMessage(
  content: Uint8Array | undefined,
  attributes: readonly Uint8Array[],
  { key, certificate, id }: MessageSigner,
  digest: { oid: string; name: string },
): Uint8Array {
  const octets = content ?? new Uint8Array()
  const imprint = createHash(digest.name).update(octets).digest()
  const signed = setOf([
    attribute(ATTRIBUTE.contentType, objectIdentifier(CONTENT.data)),
    attribute(ATTRIBUTE.messageDigest, tlv(Tag.OCTET_STRING, imprint)),
    ...attributes,
  ])
  // RFC 5652 §5.4: what is signed has the tag of a SET, what is sent is [0] IMPLICIT.
  const signature = sign(digest.name, tlv(Tag.SET, ...signed), key)
  const algorithm = plainAlgorithm(digest.oid)
  const information = tlv(
    Tag.SEQUENCE,
    version(1),
    id,
    algorithm,
    tlv(FIRST, ...signed),
    plainAlgorithm(RSA),
    tlv(Tag.OCTET_STRING, signature),
  )
  const inner = tlv(
    Tag.SEQUENCE,
    objectIdentifier(CONTENT.data),
    ...(content ? [tlv(FIRST, tlv(Tag.OCTET_STRING, content))] : []),
  )
  return contentInfo(
    CONTENT.signedData,
    tlv(Tag.SEQUENCE, version(1), tlv(Tag.SET, algorithm), inner, tlv(FIRST, certificate), tlv(Tag.SET, information)),
  )
}

/** Who a message is for: an RSA key, told by the DER IssuerAndSerialNumber of its certificate. */
export interface Recipient {
  key: KeyObject
  id: Uint8Array
}

/** A message for one reader (RFC 5652 §6): a fresh key for the content, and that key under the reader's. */
export function envelopedMessage(
  content: Uint8Array,
  { key, id }: Recipient,
  cipher: Cipher,
  random: Random,
): Uint8Array {
  const [secret, iv] = [random.bytes(cipher.key), random.bytes(cipher.block)]
  const encryption = createCipheriv(cipher.name, secret, iv)
  const encrypted = Buffer.concat([encryption.update(content), encryption.final()])
  const wrapped = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, secret)
  const recipient = tlv(Tag.SEQUENCE, version(0), id, plainAlgorithm(RSA), tlv(Tag.OCTET_STRING, wrapped))
  const algorithm = tlv(Tag.SEQUENCE, objectIdentifier(cipher.oid), tlv(Tag.OCTET_STRING, iv))
  const information = tlv(Tag.SEQUENCE, objectIdentifier(CONTENT.data), algorithm, tlv(0x80, encrypted))
  return contentInfo(CONTENT.envelopedData, tlv(Tag.SEQUENCE, version(0), tlv(Tag.SET, recipient), information))
}

/** A DER Attribute with one value. */
export function attribute(oid: string, value: Uint8Array): Uint8Array {
  return tlv(Tag.SEQUENCE, objectIdentifier(oid), tlv(Tag.SET, value))
}

function contentInfo(type: string, content: Uint8Array): Uint8Array {
  return tlv(Tag.SEQUENCE, objectIdentifier(type), tlv(FIRST, content))
}

function version(number: number): Uint8Array {
  return tlv(Tag.INTEGER, Uint8Array.of(number))
}

/** X.690 §11.6: in DER the elements of a SET OF are in order. */
function setOf(elements: readonly Uint8Array[]): Uint8Array[] {
  return [...elements].sort((a, b) => Buffer.compare(a, b))
}

const EMPTY_SET = tlv(Tag.SET)
