import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import {
  type Attribute,
  ContentInfo,
  type EncapsulatedContentInfo,
  EnvelopedData,
  SignedData,
  type SignerIdentifier,
  type SignerInfo,
} from '@peculiar/asn1-cms'
import { AsnConvert } from '@peculiar/asn1-schema'
import * as asn1js from 'asn1js'
import { readCertificate } from '../x509/certificate-facts.ts'
import { contentOf, DerError, elementsIn, oidOf, sequence, Tag, tlv } from '../x509/der.ts'
import { hex } from '../x509/x509.ts'
import { algorithmOf, CIPHERS, type Cipher, DIGESTS, type MessageAlgorithm, RSA } from './algorithms.ts'
import { ATTRIBUTE, CONTENT } from './write.ts'

/** A message that can't be taken. */
export class CmsError extends Error {
  override name = 'CmsError'
  /** `malformed`: it is none. `algorithm`: it asks for one that is not allowed here. `signature`: it is not by who it names, or was changed. */
  readonly code: 'malformed' | 'algorithm' | 'signature'
  constructor(code: CmsError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A message that one signer has signed. */
export interface SignedMessage {
  /** Empty where there is none. */
  content: Uint8Array
  signer: MessageCertificate
  digest: MessageAlgorithm
  /** The values of the signed attributes, by their object identifiers: DER. */
  attributes: ReadonlyMap<string, Uint8Array>
  /** Throws CmsError where the signature is not the signer's. */
  verify(legacy: boolean): void
}

/** What a message is read of: the certificate of its signer, which may be self-signed by anybody. */
export interface MessageCertificate {
  der: Uint8Array
  /** DER IssuerAndSerialNumber (RFC 5652 §10.2.4). */
  id: Uint8Array
  /** DER SubjectPublicKeyInfo. */
  publicKey: Uint8Array
}

/**
 * Reads a signed message (RFC 5652 §5), in BER as senders may have it, with one signer, its certificate and signed attributes. Throws CmsError;
 * `verify` has to be asked before anything in it is believed.
 */
export function readSigned(octets: Uint8Array): SignedMessage {
  return reading(() => {
    const data = AsnConvert.parse(contentOfType(octets, CONTENT.signedData), SignedData)
    const [information, ...others] = data.signerInfos
    if (!information || others.length > 0) throw new CmsError('malformed', 'a message must have one signer')
    const { signedAttrs } = information
    if (!signedAttrs) throw new CmsError('malformed', 'its signature has no attributes')
    const certificates = (data.certificates ?? []).flatMap(({ certificate }) =>
      certificate ? [certificateOf(AsnConvert.serialize(certificate))] : [],
    )
    const signer = certificates.find(one => isOf(one, information.sid))
    if (!signer) throw new CmsError('malformed', 'the certificate of its signer is missing')
    const digest = algorithmOf(DIGESTS, information.digestAlgorithm.algorithm, true)
    if (!digest)
      throw new CmsError('algorithm', `its digest, ${information.digestAlgorithm.algorithm}, is not supported`)
    const content = octetsOf(data.encapContentInfo)
    const attributes = attributesIn(signedAttrs)
    const signedOver = signedOctets(signedAttrs)
    return {
      content,
      signer,
      digest,
      attributes,
      verify: legacy => {
        if (digest.legacy && !legacy) throw new CmsError('algorithm', `the digest ${digest.name} is not allowed here`)
        if (!matches(attributes, data.encapContentInfo.eContentType, content, digest))
          throw new CmsError('signature', 'its content is not what was signed')
        verifySignature(information, signedOver, signer, digest)
      },
    }
  })
}

/** What an enveloped message says of itself before it is opened. */
export interface EnvelopedMessage {
  cipher: Cipher
  /** The content; undefined where the key is not the reader's or the message was changed. */
  open(key: KeyObject): Uint8Array | undefined
}

/** Readers whose keys are tried. */
const MOST_RECIPIENTS = 4

/** Reads an enveloped message (RFC 5652 §6) whose content key went to an RSA key. Throws CmsError. */
export function readEnveloped(octets: Uint8Array, legacy: boolean): EnvelopedMessage {
  return reading(() => {
    const { recipientInfos, encryptedContentInfo: info } = AsnConvert.parse(
      contentOfType(octets, CONTENT.envelopedData),
      EnvelopedData,
    )
    const { algorithm, parameters } = info.contentEncryptionAlgorithm
    const cipher = algorithmOf(CIPHERS, algorithm, legacy)
    if (!cipher) throw new CmsError('algorithm', `the cipher ${algorithm} is not allowed here`)
    const iv = contentOf(elementsIn(new Uint8Array(parameters ?? new ArrayBuffer()))[0], Tag.OCTET_STRING)
    const { value, constructedValue } = info.encryptedContent ?? {}
    const parts = value ? [value] : (constructedValue ?? [])
    const content = Buffer.concat(parts.map(part => Buffer.from(part.buffer)))
    const keys = [...recipientInfos].flatMap(({ ktri }) =>
      ktri?.keyEncryptionAlgorithm.algorithm === RSA ? [Buffer.from(ktri.encryptedKey.buffer)] : [],
    )
    if (keys.length === 0) throw new CmsError('algorithm', 'its key is not encrypted by RSA (PKCS #1 v1.5) to anybody')
    return {
      cipher,
      open(key) {
        for (const wrapped of keys.slice(0, MOST_RECIPIENTS)) {
          const opened = decrypt(content, wrapped, key, cipher, iv)
          if (opened) return opened
        }
        return undefined
      },
    }
  })
}

function decrypt(content: Uint8Array, wrapped: Uint8Array, key: KeyObject, cipher: Cipher, iv: Uint8Array) {
  try {
    // OpenSSL answers wrong padding with a key that is not the sender's ("implicit rejection"), so that nobody learns of it here.
    const secret = privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, wrapped)
    const decryption = createDecipheriv(cipher.name, secret, iv)
    return Buffer.concat([decryption.update(content), decryption.final()])
  } catch {
    return undefined
  }
}

/** The library and our own reader throw errors of many kinds; what they read is not repeated. */
function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof CmsError) throw error
    throw new CmsError('malformed', 'it is no message of the Cryptographic Message Syntax (RFC 5652) that can be read')
  }
}

function contentOfType(octets: Uint8Array, type: string): ArrayBuffer {
  const info = AsnConvert.parse(octets, ContentInfo)
  if (info.contentType !== type) throw new CmsError('malformed', `its content is of the type ${info.contentType}`)
  return info.content
}

/** The content, in one piece or, in BER, in several. */
function octetsOf({ eContent }: EncapsulatedContentInfo): Uint8Array {
  if (eContent?.single) return new Uint8Array(eContent.single.buffer)
  if (!eContent?.any) return new Uint8Array()
  const { result } = asn1js.fromBER(eContent.any)
  if (!(result instanceof asn1js.OctetString)) throw new CmsError('malformed', 'its content is no OCTET STRING')
  return new Uint8Array(result.getValue())
}

function certificateOf(serialized: ArrayBuffer): MessageCertificate {
  const der = new Uint8Array(serialized)
  const [tbs] = sequence(der)
  const fields = sequence(tbs!.whole)
  // [0] EXPLICIT version.
  if (fields[0]?.tag === 0xa0) fields.shift()
  const [serial, , issuer, , , publicKey] = fields
  contentOf(serial, Tag.INTEGER)
  return { der, id: tlv(Tag.SEQUENCE, issuer!.whole, serial!.whole), publicKey: publicKey!.whole }
}

function isOf(
  { id, der }: MessageCertificate,
  { issuerAndSerialNumber, subjectKeyIdentifier }: SignerIdentifier,
): boolean {
  if (issuerAndSerialNumber) return Buffer.from(AsnConvert.serialize(issuerAndSerialNumber)).equals(id)
  return subjectKeyIdentifier !== undefined && readCertificate(der).keyId === hex(subjectKeyIdentifier.buffer)
}

function attributesIn(attributes: readonly Attribute[]): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>()
  for (const { attrType, attrValues } of attributes) {
    const [value, ...more] = attrValues
    // RFC 5652 §5.3: of each kind there is one, and those that matter here have one value.
    if (!value || more.length > 0 || values.has(attrType))
      throw new CmsError('malformed', 'an attribute is there twice')
    values.set(attrType, new Uint8Array(value))
  }
  return values
}

/** RFC 5652 §5.4, §5.6: the attributes say what the content is, and its digest. */
function matches(
  attributes: ReadonlyMap<string, Uint8Array>,
  type: string,
  content: Uint8Array,
  digest: MessageAlgorithm,
): boolean {
  const [typed, digested] = [attributes.get(ATTRIBUTE.contentType), attributes.get(ATTRIBUTE.messageDigest)]
  if (!typed || !digested) return false
  const imprint = createHash(digest.name).update(content).digest()
  try {
    const said = contentOf(elementsIn(digested)[0], Tag.OCTET_STRING)
    return oidOf(elementsIn(typed)[0]) === type && said.length === imprint.length && timingSafeEqual(said, imprint)
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}

/** RFC 5652 §5.4: what is signed is a SET in DER, in the order in which it came, though it is sent with the tag [0] and maybe in BER. */
function signedOctets(attributes: readonly Attribute[]): Uint8Array {
  return tlv(Tag.SET, ...attributes.map(one => new Uint8Array(AsnConvert.serialize(one))))
}

function verifySignature(
  { signature }: SignerInfo,
  attributes: Uint8Array,
  { publicKey }: MessageCertificate,
  digest: MessageAlgorithm,
): void {
  const key = rsaKeyOf(publicKey)
  let right = false
  try {
    right = verify(digest.name, attributes, key, Buffer.from(signature.buffer))
  } catch {
    right = false
  }
  if (!right) throw new CmsError('signature', 'it is not signed by the key of its certificate')
}

/** The RSA key of a message's sender: what it is answered with is encrypted to it. Throws CmsError. */
export function rsaKeyOf(publicKey: Uint8Array): KeyObject {
  let key: KeyObject | undefined
  try {
    key = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' })
  } catch {
    throw new CmsError('malformed', 'the key of its signer cannot be read')
  }
  if (key.asymmetricKeyType !== 'rsa')
    throw new CmsError('algorithm', `its signer has a key of the kind ${key.asymmetricKeyType}; here it must be RSA`)
  return key
}
