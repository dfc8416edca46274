import { AsnConvert } from '@peculiar/asn1-schema'
import { Extension, KeyUsageFlags } from '@peculiar/asn1-x509'
import type { IntermediateConfig, RootConfig } from '../../config/ca-schema.ts'
import { wholeSeconds } from '../issue/profiles.ts'
import { type CertificateFacts, policiesIn, readCertificate } from '../x509/certificate-facts.ts'
import { distinguishedName } from '../x509/distinguished-name.ts'
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  crlDistributionPoint,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import { limitsIn, type NameLimits } from '../x509/name-constraints.ts'
import { keyIdentifier } from '../x509/public-key.ts'
import { type CertificateTemplate, fingerprint, pemOf } from '../x509/x509.ts'
import type { Signer } from './keystore.ts'

/** A certificate of ours that may sign others, with the key that does. */
export interface CaCertificate extends CertificateFacts {
  /** Its subject key identifier in hex: names its URLs and its rows in the store. */
  readonly id: string
  readonly der: Uint8Array
  readonly pem: string
  /** SHA-256 of the DER certificate in hex: what a human compares. */
  readonly fingerprint: string
  /** The names that it may certify. */
  readonly limits: NameLimits
  /** The policies that it asserts, by their object identifiers. */
  readonly policies: readonly string[]
  readonly signer: Signer
}

/** The CA certificate of this DER, with its key. Throws where it is no certificate. */
export function authorityCertificate(der: Uint8Array, signer: Signer): CaCertificate {
  const facts = readCertificate(der)
  return {
    ...facts,
    id: facts.keyId ?? keyIdentifier(facts.publicKey),
    der,
    pem: pemOf('CERTIFICATE', der),
    fingerprint: fingerprint(der),
    limits: limitsIn(facts.constraints),
    policies: policiesIn(facts),
    signer,
  }
}

/** Where the certificates that `id` signed send for its certificate, its CRL and its OCSP responder. */
export function issuerUrls(httpUrl: string, id: string): { certificate: string; crl: string; ocsp: string } {
  const base = httpUrl.replace(/\/+$/, '')
  return { certificate: `${base}/ca/${id}.crt`, crl: `${base}/crl/${id}.crl`, ocsp: `${base}/ocsp` }
}

/** The extensions by which a certificate points at its issuer; none of them without a base URL. */
export function pointersTo(issuer: { id: string }, httpUrl: string | undefined) {
  if (httpUrl === undefined) return []
  const urls = issuerUrls(httpUrl, issuer.id)
  return [authorityInfoAccess({ ocsp: urls.ocsp, issuer: urls.certificate }), crlDistributionPoint(urls.crl)]
}

/**
 * RFC 5280 §4.2.1.3: a CA certificate asserts keyCertSign, and cRLSign where it signs CRLs. digitalSignature: it signs its OCSP responder's
 * answers where the responder has no certificate yet.
 */
export const CA_USAGE = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature

/** For clocks that are slow where the new CA is to be trusted. */
const BACKDATE = 3_600_000

/** RFC 5280 appendix A.1: ub-common-name and ub-organization-name. */
const MAX_NAME_ATTRIBUTE = 64

/** A self-signed root. */
export function rootTemplate(
  settings: { name: string; root: RootConfig },
  signer: Signer,
  serial: string,
  now: number,
  number = 1,
): CertificateTemplate {
  // Numbered from the second: two roots of one name could not be told apart, nor their CRLs (RFC 5280 §5.2.3).
  const subject = authorityName(settings.name, number === 1 ? 'Root CA' : `Root CA ${number}`)
  const notBefore = wholeSeconds(now - BACKDATE)
  return {
    serial,
    issuer: subject,
    subject,
    notBefore,
    notAfter: wholeSeconds(notBefore + settings.root.validity) - 1000,
    publicKey: signer.publicKey,
    extensions: [basicConstraints(true), keyUsage(CA_USAGE), subjectKeyIdentifier(keyIdentifier(signer.publicKey))],
  }
}

/** The subject and key of one root, signed by another: as CA certificates they last no longer than both. */
export function crossTemplate(
  subject: CaCertificate,
  issuer: CaCertificate,
  httpUrl: string | undefined,
  serial: string,
  now: number,
): CertificateTemplate {
  return {
    serial,
    issuer: issuer.subject,
    subject: subject.subject,
    notBefore: Math.max(wholeSeconds(now - BACKDATE), issuer.notBefore),
    notAfter: Math.min(subject.notAfter, issuer.notAfter),
    publicKey: subject.publicKey,
    extensions: [
      // Intermediates are below it.
      basicConstraints(true, 1),
      keyUsage(CA_USAGE),
      subjectKeyIdentifier(subject.id),
      authorityKeyIdentifier(issuer.id),
      ...pointersTo(issuer, httpUrl),
    ],
  }
}

/** An intermediate that may certify leaves, but no further CA, and that ends with the root at the latest. */
export function intermediateTemplate(
  settings: { name: string; httpUrl?: string | undefined; intermediate: IntermediateConfig },
  root: CaCertificate,
  signer: Signer,
  serial: string,
  now: number,
  number: number,
): CertificateTemplate {
  const { validity } = settings.intermediate
  const notBefore = Math.max(wholeSeconds(now - BACKDATE), root.notBefore)
  return {
    serial,
    issuer: root.subject,
    // Numbered: each has a key and a CRL of its own, and RFC 5280 §5.2.3 numbers CRLs by issuer name.
    subject: authorityName(settings.name, `Intermediate CA ${number}`),
    notBefore,
    notAfter: Math.min(wholeSeconds(notBefore + validity) - 1000, root.notAfter),
    publicKey: signer.publicKey,
    extensions: [
      ...intermediateExtensions(settings.intermediate, signer),
      authorityKeyIdentifier(root.id),
      ...pointersTo(root, settings.httpUrl),
    ],
  }
}

/** What an offline root is asked to sign: the subject (DER) and the extensions of an intermediate that matter to us. */
export function intermediateRequest(
  settings: { name: string; intermediate: IntermediateConfig },
  signer: Signer,
  number: number,
): { subject: Uint8Array; extensions: Extension[] } {
  return {
    subject: authorityName(settings.name, `Intermediate CA ${number}`),
    extensions: intermediateExtensions(settings.intermediate, signer).map(der => AsnConvert.parse(der, Extension)),
  }
}

/** What does not depend on who signs it. */
function intermediateExtensions(
  { name_constraints: names, policies }: IntermediateConfig,
  signer: Signer,
): Uint8Array[] {
  return [
    basicConstraints(true, 0),
    keyUsage(CA_USAGE),
    extendedKeyUsage(['server', 'client']),
    subjectKeyIdentifier(keyIdentifier(signer.publicKey)),
    ...(names ? [nameConstraints(names.permitted, names.excluded)] : []),
    ...certificatePolicies(policies),
  ]
}

function authorityName(organization: string, role: string): Uint8Array {
  const room = MAX_NAME_ATTRIBUTE - role.length - 1
  return distinguishedName({
    organization: organization.slice(0, MAX_NAME_ATTRIBUTE),
    commonName: `${organization.slice(0, room)} ${role}`,
  })
}
