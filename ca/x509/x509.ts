import { createHash } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier } from '@peculiar/asn1-x509'
import type { SignatureAlgorithm, Signer } from '../hierarchy/keystore.ts'
import { Tag, time, tlv, unsignedInteger } from './der.ts'

/** Everything a certificate says but its signature. */
export interface CertificateTemplate {
  serial: string
  /** DER Name. */
  issuer: Uint8Array
  subject: Uint8Array
  /** Milliseconds; whole seconds count. */
  notBefore: number
  notAfter: number
  /** DER SubjectPublicKeyInfo. */
  publicKey: Uint8Array
  /** DER Extensions, one each. */
  extensions: readonly Uint8Array[]
}

/** The DER TBSCertificate (RFC 5280 §4.1.2), which is what gets linted and signed. Its parts are in DER already. */
export function encodeTbsCertificate(template: CertificateTemplate, algorithm: SignatureAlgorithm): Uint8Array {
  const { serial, issuer, subject, notBefore, notAfter, publicKey, extensions } = template
  return tlv(
    Tag.SEQUENCE,
    VERSION_3,
    unsignedInteger(Buffer.from(serial, 'hex')),
    algorithm.der,
    issuer,
    tlv(Tag.SEQUENCE, time(notBefore), time(notAfter)),
    subject,
    publicKey,
    tlv(0xa3, tlv(Tag.SEQUENCE, ...extensions)),
  )
}

/** [0] EXPLICIT INTEGER 2 (RFC 5280 §4.1.2.1). */
const VERSION_3 = Uint8Array.of(0xa0, 3, 2, 1, 2)

/** Signs a DER to-be-signed structure into the SEQUENCE that certificates, CRLs and BasicOCSPResponses share (RFC 5280 §4.1). */
export async function signStructure(tbs: Uint8Array, signer: Signer, ...more: Uint8Array[]): Promise<Uint8Array> {
  const bits = tlv(Tag.BIT_STRING, NO_UNUSED_BITS, await signer.sign(tbs))
  return tlv(Tag.SEQUENCE, tbs, signer.algorithm.der, bits, ...more)
}

/** X.690 §8.6.2.2: the first octet of a BIT STRING. */
const NO_UNUSED_BITS = Uint8Array.of(0)

/** The AlgorithmIdentifier of a signature, as the library has it. */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): AlgorithmIdentifier {
  return AsnConvert.parse(algorithm.der, AlgorithmIdentifier)
}

/** SHA-256 of DER bytes in hex: fingerprint of a certificate, hash of a key. */
export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex')
}

/** A serial number's octets as 32 hex digits in lower case (more where a foreign one is longer). */
export function formatSerial(octets: Uint8Array): string {
  return hex(octets)
    .replace(/^(00)+/, '')
    .padStart(32, '0')
}

/** A serial number as people paste it ("0A:1b…", upper case, leading zeros dropped) in our form, or undefined. */
export function parseSerial(text: string): string | undefined {
  const digits = text.replace(/[:\s]/g, '').toLowerCase().replace(/^0x/, '').replace(/^0+/, '')
  return /^[0-9a-f]{1,40}$/.test(digits) ? digits.padStart(32, '0') : undefined
}

/** The content octets of the INTEGER: minimal and positive (X.690 §8.3.2, RFC 5280 §4.1.2.2). */
export function serialOctets(serial: string): Uint8Array {
  return unsignedInteger(Buffer.from(serial, 'hex')).subarray(2)
}

/** RFC 9773 §4.1: how a client names a certificate when it asks for its renewal window. */
export function renewalId(facts: { serial: string; authorityKeyId: string | undefined }): string {
  const keyId = Buffer.from(facts.authorityKeyId ?? '', 'hex').toString('base64url')
  return `${keyId}.${Buffer.from(serialOctets(facts.serial)).toString('base64url')}`
}

/** PEM with lines of 64 characters (RFC 7468 §2). */
export function pemOf(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** The DER blocks with this label in a PEM text. */
export function derBlocks(label: string, pem: string): Uint8Array[] {
  const block = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, 'g')
  return [...pem.matchAll(block)].map(match => Buffer.from(match[1]!, 'base64'))
}

/** DER of an ASN.1 object. */
export function encode(value: unknown): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(value))
}

/** The bytes as an ArrayBuffer of their own, as the ASN.1 library wants them. */
export function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/** Bytes as hex digits. */
export function hex(bytes: ArrayBuffer | Uint8Array): string {
  return Buffer.from(bytes as Uint8Array).toString('hex')
}
