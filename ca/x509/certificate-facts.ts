import { AsnConvert } from '@peculiar/asn1-schema'
import {
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  NameConstraints,
} from '@peculiar/asn1-x509'
import type { Identifier } from '../identifier.ts'
import { contentOf, DerError, type Element, elementsIn, oidOf, only, sequence, Tag, timeOf } from './der.ts'
import { commonNameOf } from './distinguished-name.ts'
import { identifiersOf } from './general-names.ts'
import { formatSerial, hex } from './x509.ts'

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
  extensions: readonly CertificateExtension[]
}

/** An extension as it was read (RFC 5280 §4.1). */
export interface CertificateExtension {
  oid: string
  critical: boolean
  /** What its OCTET STRING holds. */
  value: Uint8Array
}

/** Reads a DER certificate (RFC 5280 §4.1). Throws DerError. */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const [tbs] = sequence(der)
  return readTbsCertificate(tbs?.whole ?? new Uint8Array())
}

/** [0] EXPLICIT version and [3] EXPLICIT extensions (RFC 5280 §4.1). */
const VERSION = 0xa0
const EXTENSIONS = 0xa3

/** Reads a DER TBSCertificate (RFC 5280 §4.1). Throws DerError. */
export function readTbsCertificate(der: Uint8Array): CertificateFacts {
  const fields = sequence(der)
  if (fields[0]?.tag === VERSION) fields.shift()
  const [serial, , issuer, validity, subject, publicKey, ...more] = fields
  const [notBefore, notAfter] = elementsIn(contentOf(validity, Tag.SEQUENCE))
  const extensions = extensionsIn(more.find(({ tag }) => tag === EXTENSIONS)?.content)
  return {
    serial: formatSerial(contentOf(serial, Tag.INTEGER)),
    issuer: wholeOf(issuer),
    subject: wholeOf(subject),
    commonName: commonNameOf(wholeOf(subject)) ?? '',
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    publicKey: wholeOf(publicKey),
    ...factsOf(extensions),
    extensions,
  }
}

function wholeOf(element: Element | undefined): Uint8Array {
  contentOf(element, Tag.SEQUENCE)
  return element!.whole
}

/** The extensions in a DER SEQUENCE OF Extension, none where there is none. Throws DerError. */
export function extensionsIn(der: Uint8Array | undefined): CertificateExtension[] {
  return der === undefined ? [] : sequence(der).map(({ whole }) => readExtension(sequence(whole)))
}

function readExtension([oid, ...rest]: Element[]): CertificateExtension {
  const critical = rest[0]?.tag === Tag.BOOLEAN && rest.shift()!.content[0] !== 0
  if (rest.length !== 1) throw new DerError('an extension has too many parts or too few')
  return { oid: oidOf(oid), critical, value: contentOf(rest[0], Tag.OCTET_STRING) }
}

function factsOf(extensions: readonly CertificateExtension[]) {
  const find = (oid: string) => extensions.find(extension => extension.oid === oid)?.value
  const [names, key] = [find(id_ce_subjectAltName), find(id_ce_subjectKeyIdentifier)]
  const [authority, basic] = [find(id_ce_authorityKeyIdentifier), find(id_ce_basicConstraints)]
  const constraints = find(id_ce_nameConstraints)
  const { identifiers, others } = identifiersOf(names ? sequence(names) : [])
  // RFC 5280 §4.2.1.1: [0] IMPLICIT keyIdentifier.
  const authorityKey = authority && sequence(authority).find(({ tag }) => tag === 0x80)?.content
  const [ca] = basic ? sequence(basic) : []
  return {
    identifiers,
    otherNames: others.length > 0,
    keyId: key && hex(only(key, Tag.OCTET_STRING).content),
    authorityKeyId: authorityKey && hex(authorityKey),
    ca: ca?.tag === Tag.BOOLEAN && ca.content[0] !== 0,
    constraints: constraints && constraintsIn(constraints),
  }
}

/** The policies that a certificate asserts (RFC 5280 §4.2.1.4), by their object identifiers. Throws DerError. */
export function policiesIn({ extensions }: Pick<CertificateFacts, 'extensions'>): string[] {
  const found = extensions.find(({ oid }) => oid === id_ce_certificatePolicies)
  return found ? sequence(found.value).map(({ whole }) => oidOf(sequence(whole)[0])) : []
}

function constraintsIn(der: Uint8Array): NameConstraints {
  try {
    return AsnConvert.parse(Buffer.from(der), NameConstraints)
  } catch {
    throw new DerError('the name constraints are not as RFC 5280 has them')
  }
}
