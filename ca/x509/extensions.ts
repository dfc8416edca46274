import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Extension,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ad_caIssuers,
  id_ad_ocsp,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_OCSPSigning,
  id_kp_serverAuth,
  id_pe_authorityInfoAccess,
  id_qt_csp,
  type KeyUsageFlags,
  NameConstraints,
} from '@peculiar/asn1-x509'
import type { CertificatePolicy } from '../../config/ca-schema.ts'
import type { Subtree } from '../../config/constraints-schema.ts'
import type { Identifier } from '../identifier.ts'
import { objectIdentifier, Tag, TRUE, tlv } from './der.ts'
import { generalName } from './general-names.ts'
import { encode } from './x509.ts'

/** An extension with its value in DER (RFC 5280 §4.2); FALSE is the default of `critical`, so it is not said. */
export function encodeExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return tlv(Tag.SEQUENCE, objectIdentifier(oid), ...(critical ? [TRUE] : []), tlv(Tag.OCTET_STRING, value))
}

/** The same, as the library has it. */
export function extension(oid: string, critical: boolean, value: Uint8Array): Extension {
  return AsnConvert.parse(encodeExtension(oid, critical, value), Extension)
}

/** RFC 5280 §4.2.1.9: critical in every CA certificate; a leaf's says no more than that it is none. */
export function basicConstraints(ca: boolean, pathLength?: number): Uint8Array {
  const length = pathLength === undefined ? [] : [tlv(Tag.INTEGER, Uint8Array.of(pathLength))]
  return encodeExtension(id_ce_basicConstraints, true, tlv(Tag.SEQUENCE, ...(ca ? [TRUE] : []), ...length))
}

/** RFC 5280 §4.2.1.3: the flags in a BIT STRING, the first of them its first bit, without zero bits at its end (X.690 §11.2.2). */
export function keyUsage(flags: KeyUsageFlags): Uint8Array {
  const bits = Array.from({ length: 16 }, (_, bit) => (flags >> bit) & 1)
  const used = bits.lastIndexOf(1) + 1
  const octets = Array.from({ length: Math.ceil(used / 8) }, (_, at) =>
    bits.slice(at * 8, at * 8 + 8).reduce((octet, bit) => octet * 2 + bit, 0),
  )
  return encodeExtension(id_ce_keyUsage, true, tlv(Tag.BIT_STRING, Uint8Array.of(octets.length * 8 - used, ...octets)))
}

const PURPOSES = {
  server: objectIdentifier(id_kp_serverAuth),
  client: objectIdentifier(id_kp_clientAuth),
  ocsp: objectIdentifier(id_kp_OCSPSigning),
  /** RFC 6402 §2.10: id-kp-cmcRA. */
  registration: objectIdentifier('1.3.6.1.5.5.7.3.28'),
}
/** What a key may be used for. */
export type Purpose = keyof typeof PURPOSES

/** RFC 5280 §4.2.1.12. */
export function extendedKeyUsage(purposes: readonly Purpose[]): Uint8Array {
  const value = tlv(Tag.SEQUENCE, ...purposes.map(purpose => PURPOSES[purpose]))
  return encodeExtension(id_ce_extKeyUsage, false, value)
}

/** RFC 5280 §4.2.1.2, from the key identifier in hex. */
export function subjectKeyIdentifier(keyId: string): Uint8Array {
  return encodeExtension(id_ce_subjectKeyIdentifier, false, tlv(Tag.OCTET_STRING, Buffer.from(keyId, 'hex')))
}

/** RFC 5280 §4.2.1.1, by key identifier alone: [0] IMPLICIT. */
export function authorityKeyIdentifier(keyId: string): Uint8Array {
  const value = tlv(Tag.SEQUENCE, tlv(0x80, Buffer.from(keyId, 'hex')))
  return encodeExtension(id_ce_authorityKeyIdentifier, false, value)
}

/** RFC 5280 §4.2.1.6: critical where the subject is empty. */
export function subjectAltName(identifiers: readonly Identifier[], critical: boolean): Uint8Array {
  return encodeExtension(id_ce_subjectAltName, critical, tlv(Tag.SEQUENCE, ...identifiers.map(generalName)))
}

/** RFC 5280 §4.2.2.1: where the issuer's certificate is, and its OCSP responder. */
export function authorityInfoAccess(urls: { ocsp?: string; issuer: string }): Uint8Array {
  const access = (method: Uint8Array, value: string) => tlv(Tag.SEQUENCE, method, generalName({ type: 'uri', value }))
  const responder = urls.ocsp ? [access(OCSP, urls.ocsp)] : []
  const value = tlv(Tag.SEQUENCE, ...responder, access(CA_ISSUERS, urls.issuer))
  return encodeExtension(id_pe_authorityInfoAccess, false, value)
}

const OCSP = objectIdentifier(id_ad_ocsp)
const CA_ISSUERS = objectIdentifier(id_ad_caIssuers)

/** RFC 7633 §4.2.3.1: status_request, which a server must then answer; a SEQUENCE of the INTEGER 5. */
export function mustStaple(): Uint8Array {
  return encodeExtension('1.3.6.1.5.5.7.1.24', false, Uint8Array.of(0x30, 3, 2, 1, 5))
}

/** RFC 5280 §4.2.1.4: not critical; nothing where there are none. */
export function certificatePolicies(policies: readonly CertificatePolicy[]): Uint8Array[] {
  if (policies.length === 0) return []
  const value = tlv(Tag.SEQUENCE, ...policies.map(policyInformation))
  return [encodeExtension(id_ce_certificatePolicies, false, value)]
}

function policyInformation({ oid, cps }: CertificatePolicy): Uint8Array {
  const identifier = objectIdentifier(oid)
  if (cps === undefined) return tlv(Tag.SEQUENCE, identifier)
  const qualifier = tlv(Tag.SEQUENCE, objectIdentifier(id_qt_csp), tlv(Tag.IA5_STRING, Buffer.from(cps)))
  return tlv(Tag.SEQUENCE, identifier, tlv(Tag.SEQUENCE, qualifier))
}

/** RFC 5280 §4.2.1.13: one point, with the URL as its [0] fullName of a [0] distributionPoint. */
export function crlDistributionPoint(url: string): Uint8Array {
  const point = tlv(Tag.SEQUENCE, tlv(0xa0, tlv(0xa0, generalName({ type: 'uri', value: url }))))
  return encodeExtension(id_ce_cRLDistributionPoints, false, tlv(Tag.SEQUENCE, point))
}

/** RFC 5280 §4.2.1.10: critical. Of the kinds that `permitted` has only those given are allowed; none that is excluded. */
export function nameConstraints(permitted: readonly Subtree[], excluded: readonly Subtree[] = []): Uint8Array {
  const value = new NameConstraints({
    ...(permitted.length > 0 && { permittedSubtrees: subtrees(permitted) }),
    ...(excluded.length > 0 && { excludedSubtrees: subtrees(excluded) }),
  })
  return encodeExtension(id_ce_nameConstraints, true, encode(value))
}

function subtrees(list: readonly Subtree[]): GeneralSubtrees {
  return new GeneralSubtrees(list.map(one => new GeneralSubtree({ base: new GeneralName(baseOf(one)) })))
}

function baseOf(one: Subtree): Partial<GeneralName> {
  if ('dns' in one) return { dNSName: one.dns }
  if ('ip' in one) return { iPAddress: one.ip }
  return 'uri' in one ? { uniformResourceIdentifier: one.uri } : { rfc822Name: one.email }
}
