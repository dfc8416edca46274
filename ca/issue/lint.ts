import { id_ce_basicConstraints, id_ce_extKeyUsage, id_ce_keyUsage, id_ce_subjectAltName } from '@peculiar/asn1-x509'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import { IdentifierError, parseIdentifier } from '../identifier.ts'
import { type CertificateFacts, policiesIn, readTbsCertificate } from '../x509/certificate-facts.ts'
import { permitsName } from '../x509/name-constraints.ts'
import { serialOctets } from '../x509/x509.ts'

/** What is wrong with a certificate that is about to be signed; `rule` cites what it breaks. */
export interface Finding {
  rule: string
  detail: string
}

/** A check of what was built, read back from its DER, against the issuer that is to sign it; undefined where all is well. */
interface Rule {
  rule: string
  check(leaf: CertificateFacts, issuer: CaCertificate): string | undefined
}

const EMPTY_NAME = 2
/** RFC 5280 §4.2.1.4. */
const ANY_POLICY = '2.5.29.32.0'
const MAX_VALIDITY_SECONDS = 10 * 366 * 86_400

const RULES: readonly Rule[] = [
  {
    // CA/B BR §7.1 asks for 64 bits; a serial of 128 random bits has a leading zero octet once in 256, four once in 2^32.
    rule: 'RFC 5280 §4.1.2.2',
    check({ serial }) {
      const { length } = serialOctets(serial)
      return length > 20 || length < 13 ? `the serial number has ${length} octets` : undefined
    },
  },
  {
    rule: 'RFC 5280 §4.1.2.4',
    check: (leaf, issuer) => (same(leaf.issuer, issuer.subject) ? undefined : "the issuer is not the signer's subject"),
  },
  {
    rule: 'RFC 5280 §4.1.2.5',
    check({ notBefore, notAfter }) {
      if (notAfter < notBefore) return 'it ends before it begins'
      return notAfter - notBefore > MAX_VALIDITY_SECONDS * 1000 ? 'it is valid for more than ten years' : undefined
    },
  },
  {
    rule: 'RFC 5280 §6.1.3 (a)(2)',
    check: (leaf, issuer) =>
      leaf.notBefore < issuer.notBefore || leaf.notAfter > issuer.notAfter ? 'it outlives its issuer' : undefined,
  },
  {
    rule: 'RFC 5280 §4.2.1.1',
    check: (leaf, issuer) =>
      leaf.authorityKeyId === issuer.id ? undefined : "the authority key identifier is not the signer's",
  },
  {
    rule: 'RFC 5280 §4.2.1.9',
    check: leaf =>
      leaf.ca || !critical(leaf, id_ce_basicConstraints) ? 'it does not say that it is no CA' : undefined,
  },
  {
    rule: 'RFC 5280 §4.2.1.3',
    check: leaf => (critical(leaf, id_ce_keyUsage) ? undefined : 'its key usage is missing or not critical'),
  },
  {
    rule: 'CA/B BR §7.1.2.7.6',
    check: leaf => (has(leaf, id_ce_extKeyUsage) ? undefined : 'it has no extended key usage'),
  },
  {
    rule: 'RFC 5280 §4.2.1.6',
    check(leaf) {
      if (leaf.identifiers.length === 0) return 'it has no subject alternative name'
      const subjectIsEmpty = leaf.subject.length === EMPTY_NAME
      return subjectIsEmpty === critical(leaf, id_ce_subjectAltName)
        ? undefined
        : 'its subject alternative names must be critical exactly where the subject is empty'
    },
  },
  { rule: 'RFC 5280 §4.2.1.6', check: leaf => leaf.identifiers.map(badIdentifier).find(Boolean) },
  {
    rule: 'CA/B BR §7.1.4.3',
    check: ({ commonName, identifiers }) =>
      commonName === '' || identifiers.some(({ value }) => value === commonName)
        ? undefined
        : 'its common name is not one of its subject alternative names',
  },
  {
    rule: 'RFC 5280 §4.2.1.10',
    check(leaf, issuer) {
      const outside = leaf.identifiers.find(identifier => !permitsName(issuer.limits, identifier))
      return outside && `${outside.value} is outside the issuer's name constraints`
    },
  },
  {
    rule: 'RFC 5280 §6.1.3 (d)',
    check(leaf, { policies }) {
      const lost = policiesIn(leaf).find(oid => !policies.includes(oid) && !policies.includes(ANY_POLICY))
      return policies.length > 0 ? lost && `the policy ${lost} is none of its issuer's` : undefined
    },
  },
  {
    rule: 'RFC 5280 §4.2',
    check({ extensions }) {
      const oids = extensions.map(({ oid }) => oid)
      return new Set(oids).size < oids.length ? 'an extension is there twice' : undefined
    },
  },
]

/** What is wrong with a leaf's DER TBSCertificate; it is signed only where nothing is. */
export function lint(tbs: Uint8Array, issuer: CaCertificate): Finding[] {
  const leaf = readTbsCertificate(tbs)
  return RULES.flatMap(({ rule, check }) => {
    const detail = check(leaf, issuer)
    return detail === undefined ? [] : [{ rule, detail }]
  })
}

function has({ extensions }: CertificateFacts, oid: string): boolean {
  return extensions.some(extension => extension.oid === oid)
}

function critical({ extensions }: CertificateFacts, oid: string): boolean {
  return extensions.some(extension => extension.oid === oid && extension.critical)
}

function badIdentifier({ type, value }: { type: string; value: string }): string | undefined {
  try {
    return parseIdentifier(type, value).value === value ? undefined : `"${value}" is not in canonical form`
  } catch (error) {
    if (error instanceof IdentifierError) return error.message
    throw error
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
