import { constraintText, type Subtree } from '../../config/constraints-schema.ts'
import type { VaultConfig, VaultIntermediate } from '../../config/vault-schema.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import type { SubordinateRequest } from '../hierarchy/subordinate.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import { pemOf } from '../x509/x509.ts'
import { readTtl } from './duration.ts'
import { denied, VaultError } from './error.ts'
import type { Body } from './logins.ts'
import { colons, csrOf, issueFailure, listOf, type Signed } from './sign.ts'
import type { Holder } from './tokens.ts'

/** Signs with the root's key. */
export type SignSubordinate = (request: SubordinateRequest) => Promise<CertificateRecord>

/**
 * Vault's `{mount}/root/sign-intermediate`: a CA certificate for a SPIFFE trust domain, which may certify that domain's URIs, the DNS
 * names that the configuration gives it, and nothing else. Throws VaultError.
 */
export async function signIntermediate(
  deps: { config: VaultConfig; hierarchy: Hierarchy; sign: SignSubordinate },
  holder: Holder,
  body: Body,
): Promise<Signed> {
  const { config, hierarchy, sign } = deps
  const csr = csrOf(body)
  // What else the CSR names is left out, for the CA has no other name.
  const uris = csr.identifiers.filter(({ type }) => type === 'uri').map(({ value }) => value)
  const named = new Set([...listOf(body['uri_sans']), ...uris])
  const kind = config.intermediates.find(({ trust_domain: domain }) => named.has(trustDomain(domain)))
  if (!kind || !holder.roles.includes(kind.name)) throw denied()
  const id = trustDomain(kind.trust_domain)
  const other = [...named].find(name => name !== id)
  if (other !== undefined)
    throw new VaultError(400, `${other.slice(0, 200)} is not allowed: the CA is for ${id} and nothing else`)
  const ttl = readTtl(body['ttl']) ?? kind.validity
  try {
    const record = await sign({
      publicKey: csr.publicKey,
      subject: subjectOf(body, kind),
      identifiers: [{ type: 'uri', value: id }],
      ...limitsOf(kind),
      validity: Math.min(ttl, kind.validity),
      kind: kind.name,
      circumstances: { by: holder.who, way: 'vault' },
    })
    return {
      certificate: pemOf('CERTIFICATE', record.der),
      issuing_ca: hierarchy.root.pem,
      ca_chain: [hierarchy.root.pem],
      serial_number: colons(record.serial),
      expiration: Math.floor(record.notAfter / 1000),
    }
  } catch (error) {
    throw issueFailure(error)
  }
}

/** SPIFFE ID §2: the identity of a trust domain. */
function trustDomain(domain: Name): string {
  return `spiffe://${constraintText(domain)}`
}

const EVERY_ADDRESS: readonly Subtree[] = [{ ip: '0.0.0.0/0' }, { ip: '::/0' }]
const EVERY_MAILBOX: Subtree = { email: '' }
const EVERY_NAME: Subtree = { dns: '' }

/** RFC 5280 §4.2.1.10: a kind of name that is neither permitted nor excluded would be free. */
function limitsOf({ trust_domain: domain, names }: VaultIntermediate): { permitted: Subtree[]; excluded: Subtree[] } {
  const permitted = [{ uri: constraintText(domain) }, ...names.map(name => ({ dns: constraintText(name) }))]
  return { permitted, excluded: [...EVERY_ADDRESS, EVERY_MAILBOX, ...(names.length === 0 ? [EVERY_NAME] : [])] }
}

const LONGEST = 64

function subjectOf(body: Body, kind: VaultIntermediate) {
  const member = (name: string) => (typeof body[name] === 'string' ? String(body[name]).slice(0, LONGEST) : undefined)
  const country = member('country')
  return {
    ...(country !== undefined && /^[A-Z]{2}$/.test(country) && { country }),
    organization: member('organization'),
    commonName: member('common_name') ?? `${printName(kind.trust_domain)} CA`.slice(0, LONGEST),
  }
}
