import { OctetString } from '@peculiar/asn1-schema'
import {
  AccessDescription,
  AuthorityInfoAccessSyntax,
  AuthorityKeyIdentifier,
  BasicConstraints,
  CertificatePolicies,
  CRLDistributionPoints,
  DistributionPoint,
  DistributionPointName,
  ExtendedKeyUsage,
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
  KeyIdentifier,
  KeyUsage,
  type KeyUsageFlags,
  NameConstraints,
  PolicyInformation,
  PolicyQualifierInfo,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509'
import type { CertificatePolicy } from '../config/ca-schema.ts'
import type { Subtree } from '../config/constraints-schema.ts'
import type { Identifier } from './identifier.ts'
import { arrayBuffer, encode, octetString, tlv } from './x509.ts'

/** An extension with its value in DER (RFC 5280 §4.2), as the library has it. */
export function extension(oid: string, critical: boolean, value: Uint8Array): Extension {
  return new Extension({ extnID: oid, critical, extnValue: new OctetString(arrayBuffer(value)) })
}

/** The same, in DER. */
export function encodeExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return encode(extension(oid, critical, value))
}

/** RFC 5280 §4.2.1.9: critical in every CA certificate; a leaf's says no more than that it is none. */
export function basicConstraints(ca: boolean, pathLength?: number): Uint8Array {
  const value = new BasicConstraints({ cA: ca, ...(pathLength !== undefined && { pathLenConstraint: pathLength }) })
  return encodeExtension(id_ce_basicConstraints, true, encode(value))
}

/** RFC 5280 §4.2.1.3. */
export function keyUsage(flags: KeyUsageFlags): Uint8Array {
  return encodeExtension(id_ce_keyUsage, true, encode(new KeyUsage(flags)))
}

const PURPOSES = { server: id_kp_serverAuth, client: id_kp_clientAuth, ocsp: id_kp_OCSPSigning }

/** RFC 5280 §4.2.1.12. */
export function extendedKeyUsage(purposes: readonly (keyof typeof PURPOSES)[]): Uint8Array {
  return encodeExtension(
    id_ce_extKeyUsage,
    false,
    encode(new ExtendedKeyUsage(purposes.map(purpose => PURPOSES[purpose]))),
  )
}

/** RFC 5280 §4.2.1.2, from the key identifier in hex. */
export function subjectKeyIdentifier(keyId: string): Uint8Array {
  return encodeExtension(id_ce_subjectKeyIdentifier, false, encode(new SubjectKeyIdentifier(octetString(keyId).buffer)))
}

/** RFC 5280 §4.2.1.1, by key identifier alone. */
export function authorityKeyIdentifier(keyId: string): Uint8Array {
  return encode(authorityKeyExtension(keyId))
}

/** The same, as the library has it; CRLs have it, too (RFC 5280 §5.2.1). */
export function authorityKeyExtension(keyId: string): Extension {
  const value = new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(octetString(keyId).buffer) })
  return extension(id_ce_authorityKeyIdentifier, false, encode(value))
}

/** What the library calls the kinds of GeneralName that an identifier is. */
const GENERAL_NAMES = {
  dns: 'dNSName',
  ip: 'iPAddress',
  uri: 'uniformResourceIdentifier',
  email: 'rfc822Name',
} as const satisfies Record<Identifier['type'], keyof GeneralName>

/** RFC 5280 §4.2.1.6: critical where the subject is empty. */
export function subjectAltName(identifiers: readonly Identifier[], critical: boolean): Uint8Array {
  const names = identifiers.map(({ type, value }) => new GeneralName({ [GENERAL_NAMES[type]]: value }))
  return encodeExtension(id_ce_subjectAltName, critical, encode(new SubjectAlternativeName(names)))
}

/** RFC 5280 §4.2.2.1: where the issuer's certificate is, and its OCSP responder. */
export function authorityInfoAccess(urls: { ocsp?: string; issuer: string }): Uint8Array {
  const access = (accessMethod: string, url: string) =>
    new AccessDescription({ accessMethod, accessLocation: new GeneralName({ uniformResourceIdentifier: url }) })
  const list = [access(id_ad_caIssuers, urls.issuer)]
  if (urls.ocsp) list.unshift(access(id_ad_ocsp, urls.ocsp))
  return encodeExtension(id_pe_authorityInfoAccess, false, encode(new AuthorityInfoAccessSyntax(list)))
}

/** RFC 7633 §4.2.3.1: status_request, which a server must then answer; a SEQUENCE of the INTEGER 5. */
export function mustStaple(): Uint8Array {
  return encodeExtension('1.3.6.1.5.5.7.1.24', false, Uint8Array.of(0x30, 3, 2, 1, 5))
}

const IA5_STRING = 0x16

/** RFC 5280 §4.2.1.4: not critical; nothing where there are none. */
export function certificatePolicies(policies: readonly CertificatePolicy[]): Uint8Array[] {
  if (policies.length === 0) return []
  const value = new CertificatePolicies(
    policies.map(({ oid, cps }) => {
      const qualifier =
        cps === undefined
          ? []
          : [
              new PolicyQualifierInfo({
                policyQualifierId: id_qt_csp,
                qualifier: arrayBuffer(tlv(IA5_STRING, Buffer.from(cps))),
              }),
            ]
      return new PolicyInformation({
        policyIdentifier: oid,
        ...(qualifier.length > 0 && { policyQualifiers: qualifier }),
      })
    }),
  )
  return [encodeExtension(id_ce_certificatePolicies, false, encode(value))]
}

/** RFC 5280 §4.2.1.13. */
export function crlDistributionPoint(url: string): Uint8Array {
  const fullName = [new GeneralName({ uniformResourceIdentifier: url })]
  const point = new DistributionPoint({ distributionPoint: new DistributionPointName({ fullName }) })
  return encodeExtension(id_ce_cRLDistributionPoints, false, encode(new CRLDistributionPoints([point])))
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
