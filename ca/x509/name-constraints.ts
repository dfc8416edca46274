import type { NameConstraints } from '@peculiar/asn1-x509'
import { addressBytes, containsAddress, parsePrefix } from '../../config/address.ts'
import type { NameConstraintsConfig, Subtree } from '../../config/constraints-schema.ts'
import { equalNames, isSubdomain, parseName } from '../../dns/name.ts'
import { type Identifier, nameOfIdentifier } from '../identifier.ts'

/** What a CA may certify by its certificate. */
export type NameLimits = Readonly<NameConstraintsConfig>

export const UNLIMITED: NameLimits = { permitted: [], excluded: [] }

/** The limits that a certificate's extension sets, as far as they are about names that we certify. */
export function limitsIn(constraints: NameConstraints | undefined): NameLimits {
  const read = (subtrees: NameConstraints['permittedSubtrees']): Subtree[] =>
    [...(subtrees ?? [])].flatMap(({ base }): Subtree[] => {
      if (base.dNSName !== undefined) return [{ dns: base.dNSName.toLowerCase() }]
      if (base.iPAddress !== undefined) return [{ ip: base.iPAddress }]
      if (base.uniformResourceIdentifier !== undefined) return [{ uri: base.uniformResourceIdentifier.toLowerCase() }]
      return base.rfc822Name === undefined ? [] : [{ email: base.rfc822Name }]
    })
  return { permitted: read(constraints?.permittedSubtrees), excluded: read(constraints?.excludedSubtrees) }
}

/** Whether two sets of limits say the same. */
export function sameLimits(a: NameLimits, b: NameLimits): boolean {
  const text = (limits: NameLimits) =>
    JSON.stringify([limits.permitted, limits.excluded].map(list => list.map(one => JSON.stringify(one)).sort()))
  return text(a) === text(b)
}

/** Whether a name may be certified: in none that is excluded and, where its kind is limited, in one that is permitted (RFC 5280 §4.2.1.10). */
export function permitsName({ permitted, excluded }: NameLimits, identifier: Identifier): boolean {
  const ofKind = (list: readonly Subtree[]) => list.filter(one => identifier.type in one)
  const [allowed, denied] = [ofKind(permitted), ofKind(excluded)]
  if (allowed.length + denied.length === 0) return true
  const covers = COVERS[identifier.type]
  // A URI without a host that is a name is refused wherever URIs are limited.
  if (identifier.type === 'uri' && hostOf(identifier.value) === undefined) return false
  if (denied.some(one => covers(subtreeText(one), identifier))) return false
  return allowed.length === 0 || allowed.some(one => covers(subtreeText(one), identifier))
}

const COVERS: Readonly<Record<Identifier['type'], (subtree: string, identifier: Identifier) => boolean>> = {
  dns: coversDomain,
  ip: (block, { value }) => containsAddress([parsePrefix(block)!], addressBytes(value)!),
  uri: (host, { value }) => coversHost(host, hostOf(value)!),
  email: coversMailbox,
}

/** Itself and all below. With a leading dot, which RFC 5280 does not have but certificates made elsewhere do: all below, as OpenSSL has it. */
function coversDomain(constraint: string, identifier: Identifier): boolean {
  if (constraint === '') return true
  const [name, domain] = [nameOfIdentifier(identifier), parseName(constraint.replace(/^\./, ''))]
  return isSubdomain(name, domain) && !(constraint.startsWith('.') && equalNames(name, domain))
}

function subtreeText(one: Subtree): string {
  return Object.values(one)[0] as string
}

function coversMailbox(constraint: string, { value }: Identifier): boolean {
  const at = value.lastIndexOf('@')
  if (!constraint.includes('@')) return coversHost(constraint, value.slice(at + 1))
  // RFC 5280 §7.5: the local part is compared as it is, the host without regard to case.
  const limit = constraint.lastIndexOf('@')
  return (
    constraint.slice(0, limit) === value.slice(0, at) && coversHost(constraint.slice(limit + 1), value.slice(at + 1))
  )
}

/** A host is meant alone; with a leading dot, every host below. Nothing is every host. */
function coversHost(constraint: string, host: string): boolean {
  const name = host.toLowerCase()
  return constraint === '' || (constraint.startsWith('.') ? name.endsWith(constraint) : name === constraint)
}

function hostOf(uri: string): string | undefined {
  const { hostname } = new URL(uri)
  return hostname === '' || hostname.startsWith('[') || addressBytes(hostname) ? undefined : hostname
}
