import { createHash } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificatePolicies,
  type Extension,
  type GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  Name,
  NameConstraints,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
} from '@peculiar/asn1-x509'
import type { Identifier } from './identifier.ts'
import type { SignatureAlgorithm, Signer } from './keystore.ts'

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

/** What we read back from a certificate. Keys and names are DER, identifiers of keys hex. */
export interface CertificateFacts {
  serial: string
  issuer: Uint8Array
  subject: Uint8Array
  commonName: string
  notBefore: number
  notAfter: number
  publicKey: Uint8Array
  identifiers: Identifier[]
  /** Whether it has subject alternative names of kinds that no identifier holds. */
  otherNames: boolean
  keyId: string | undefined
  authorityKeyId: string | undefined
  ca: boolean
  constraints: NameConstraints | undefined
  extensions: readonly Extension[]
}

/**
 * The DER TBSCertificate (RFC 5280 §4.1.2), which is what gets linted and signed. Its parts are in DER already, so they are only put
 * side by side: building it of the library's objects takes several times as long.
 */
export function encodeTbsCertificate(template: CertificateTemplate, algorithm: SignatureAlgorithm): Uint8Array {
  const { serial, issuer, subject, notBefore, notAfter, publicKey, extensions } = template
  // RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
  const validity = encode(new Validity({ notBefore: new Date(notBefore), notAfter: new Date(notAfter) }))
  const parts = [
    VERSION_3,
    tlv(0x02, serialOctets(serial)),
    algorithm.der,
    issuer,
    validity,
    subject,
    publicKey,
    tlv(0xa3, tlv(0x30, Buffer.concat(extensions))),
  ]
  return tlv(0x30, Buffer.concat(parts))
}

/** [0] EXPLICIT INTEGER 2 (RFC 5280 §4.1.2.1). */
const VERSION_3 = Uint8Array.of(0xa0, 3, 2, 1, 2)

/** Signs a DER to-be-signed structure into the SEQUENCE that certificates, CRLs and BasicOCSPResponses share (RFC 5280 §4.1). */
export async function signStructure(tbs: Uint8Array, signer: Signer, ...more: Uint8Array[]): Promise<Uint8Array> {
  const signature = await signer.sign(tbs)
  const bits = tlv(0x03, Buffer.concat([Uint8Array.of(0), signature]))
  return tlv(0x30, Buffer.concat([tbs, signer.algorithm.der, bits, ...more]))
}

/** A DER tag, length and value (X.690 §8.1.3, §10.1). */
export function tlv(tag: number, value: Uint8Array): Uint8Array {
  const { length } = value
  const octets: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left & 0xff)
  const head = length < 128 ? [tag, length] : [tag, 0x80 | octets.length, ...octets]
  return Buffer.concat([Uint8Array.from(head), value])
}

/** Reads a DER certificate. Throws where it is none. */
export function readCertificate(der: Uint8Array): CertificateFacts {
  return readTbs(AsnConvert.parse(der, Certificate).tbsCertificate)
}

/** Reads a DER TBSCertificate. Throws where it is none. */
export function readTbsCertificate(der: Uint8Array): CertificateFacts {
  return readTbs(AsnConvert.parse(der, TBSCertificate))
}

function readTbs(tbs: TBSCertificate): CertificateFacts {
  const extensions = [...(tbs.extensions ?? [])]
  const find = (oid: string) => extensions.find(extension => extension.extnID === oid)?.extnValue.buffer
  const [san, ski, aki] = [
    find(id_ce_subjectAltName),
    find(id_ce_subjectKeyIdentifier),
    find(id_ce_authorityKeyIdentifier),
  ]
  const [constraints, basic] = [find(id_ce_nameConstraints), find(id_ce_basicConstraints)]
  const names = identifiersOf(san ? [...AsnConvert.parse(san, SubjectAlternativeName)] : [])
  const authority = aki && AsnConvert.parse(aki, AuthorityKeyIdentifier).keyIdentifier?.buffer
  return {
    serial: formatSerial(new Uint8Array(tbs.serialNumber)),
    issuer: encode(tbs.issuer),
    subject: encode(tbs.subject),
    commonName: commonNameOf(tbs.subject) ?? '',
    notBefore: tbs.validity.notBefore.getTime().getTime(),
    notAfter: tbs.validity.notAfter.getTime().getTime(),
    publicKey: encode(tbs.subjectPublicKeyInfo),
    identifiers: names.identifiers,
    otherNames: names.others.length > 0,
    keyId: ski && hex(AsnConvert.parse(ski, SubjectKeyIdentifier).buffer),
    authorityKeyId: authority && hex(authority),
    ca: basic ? AsnConvert.parse(basic, BasicConstraints).cA : false,
    constraints: constraints && AsnConvert.parse(constraints, NameConstraints),
    extensions,
  }
}

/** The policies that a certificate asserts (RFC 5280 §4.2.1.4), by their object identifiers. */
export function policiesIn({ extensions }: Pick<CertificateFacts, 'extensions'>): string[] {
  const found = extensions.find(({ extnID }) => extnID === id_ce_certificatePolicies)
  if (!found) return []
  return [...AsnConvert.parse(found.extnValue.buffer, CertificatePolicies)].map(one => one.policyIdentifier)
}

/** The names among GeneralNames that an identifier can hold, and the kinds of those that none can. */
export function identifiersOf(names: readonly GeneralName[]): { identifiers: Identifier[]; others: string[] } {
  const identifiers: Identifier[] = []
  const others: string[] = []
  for (const name of names) {
    if (name.dNSName !== undefined) identifiers.push({ type: 'dns', value: name.dNSName })
    else if (name.iPAddress !== undefined) identifiers.push({ type: 'ip', value: name.iPAddress })
    else if (name.uniformResourceIdentifier !== undefined)
      identifiers.push({ type: 'uri', value: name.uniformResourceIdentifier })
    else if (name.rfc822Name !== undefined) identifiers.push({ type: 'email', value: name.rfc822Name })
    else others.push(Object.entries(name).find(([, value]) => value !== undefined)?.[0] ?? 'unknown')
  }
  return { identifiers, others }
}

const COMMON_NAME = '2.5.4.3'

/** Attribute types of a Name (RFC 5280 appendix A.1), in the order in which they stand. */
const ATTRIBUTES = {
  country: '2.5.4.6',
  province: '2.5.4.8',
  locality: '2.5.4.7',
  organization: '2.5.4.10',
  unit: '2.5.4.11',
  commonName: COMMON_NAME,
} as const

/** What a subject may say. */
export type SubjectFields = { [Attribute in keyof typeof ATTRIBUTES]?: string | undefined }

/** The DER Name with these attributes; an empty object gives the empty Name. */
export function distinguishedName(attributes: SubjectFields): Uint8Array {
  const rdns = Object.entries(ATTRIBUTES).flatMap(([attribute, type]) => {
    const text = attributes[attribute as keyof typeof ATTRIBUTES]
    if (!text) return []
    // RFC 5280 §4.1.2.4: UTF8String for a DirectoryString; appendix A.1: a country is a PrintableString.
    const value = new AttributeValue(attribute === 'country' ? { printableString: text } : { utf8String: text })
    return [new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])]
  })
  return encode(new Name(rdns))
}

/** The last commonName of a Name. */
export function commonNameOf(name: Name): string | undefined {
  return [...name]
    .flatMap(rdn => [...rdn])
    .findLast(attribute => attribute.type === COMMON_NAME)
    ?.value.toString()
}

/** The AlgorithmIdentifier of a signature, as the library has it. */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): AlgorithmIdentifier {
  return AsnConvert.parse(algorithm.der, AlgorithmIdentifier)
}

/** 20 octets that stand for a public key, in hex: SHA-256 of the key bits, cut to 160 bits (RFC 7093 §2 method 1). */
export function keyIdentifier(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKeyBits(publicKey)).digest('hex').slice(0, 40)
}

/** The subjectPublicKey BIT STRING's octets of a DER SubjectPublicKeyInfo; what OCSP's issuerKeyHash is over. */
export function publicKeyBits(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(AsnConvert.parse(publicKey, SubjectPublicKeyInfo).subjectPublicKey)
}

/** Whether the key's parameters are the name of a curve, and its point is not compressed (RFC 5480 §2.1.1, §2.2). */
export function isPlainEcKey(publicKey: Uint8Array): boolean {
  const { algorithm, subjectPublicKey } = AsnConvert.parse(publicKey, SubjectPublicKeyInfo)
  const [tag] = new Uint8Array(algorithm.parameters ?? new ArrayBuffer())
  return tag === 0x06 && new Uint8Array(subjectPublicKey)[0] === 0x04
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
  const octets = Buffer.from(serial, 'hex')
  const start = octets.findIndex(octet => octet !== 0)
  const minimal = start < 0 ? Buffer.of(0) : octets.subarray(start)
  return minimal[0]! & 0x80 ? Buffer.concat([Uint8Array.of(0), minimal]) : minimal
}

/** RFC 9773 §4.1: how a client names a certificate when it asks for its renewal window. */
export function renewalId(facts: Pick<CertificateFacts, 'serial' | 'authorityKeyId'>): string {
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

/** An OCTET STRING of hex digits. */
export function octetString(digits: string): OctetString {
  return new OctetString(arrayBuffer(Buffer.from(digits, 'hex')))
}

/** The bytes as an ArrayBuffer of their own, as the ASN.1 library wants them. */
export function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/** Bytes as hex digits. */
export function hex(bytes: ArrayBuffer | Uint8Array): string {
  return Buffer.from(bytes as Uint8Array).toString('hex')
}

/** Whether a DER SubjectPublicKeyInfo holds an RSA key (RFC 3279 §2.3.1). */
export function isRsa(publicKey: Uint8Array): boolean {
  return AsnConvert.parse(publicKey, SubjectPublicKeyInfo).algorithm.algorithm === '1.2.840.113549.1.1.1'
}
