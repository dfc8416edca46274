import { addressBytes, printAddress } from '../config/address.ts'
import { TextError } from '../dns/errors.ts'
import { isWildcard, type Name, parseName } from '../dns/name.ts'

/**
 * What a certificate speaks for (RFC 8555 §7.1.4, RFC 8738 §3; URIs and mail addresses not by ACME); `value` in the one form that
 * `parseIdentifier` gives.
 */
export interface Identifier {
  type: 'dns' | 'ip' | 'uri' | 'email'
  value: string
}

/** An identifier that can't be in a certificate; the message says why. */
export class IdentifierError extends Error {
  override name = 'IdentifierError'
  readonly code = 'identifier'
}

const LDH = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** The identifier in canonical form: DNS names in lower case without a final dot, addresses as RFC 5952 has them, URIs as they are. Throws IdentifierError. */
export function parseIdentifier(type: string, value: string): Identifier {
  if (type === 'dns') return { type, value: canonicalDnsName(value) }
  if (type === 'ip') return { type, value: canonicalAddress(value) }
  if (type === 'uri') return { type, value: canonicalUri(value) }
  if (type === 'email') return { type, value: canonicalMailbox(value) }
  throw new IdentifierError(`identifiers of type "${type}" are not supported; use "dns" or "ip"`)
}

function canonicalDnsName(text: string): string {
  const value = text.toLowerCase()
  // RFC 5280 §4.2.1.6: a dNSName is in the preferred name syntax, without the root's dot.
  if (value.endsWith('.')) throw new IdentifierError(`"${text}" ends in a dot; a name in a certificate has none`)
  if (addressBytes(value)) throw new IdentifierError(`"${text}" is an address; its type is "ip"`)
  const name = wireName(value)
  const labels = value.split('.')
  // RFC 8555 §7.1.3: "*" may only be the whole leftmost label.
  if (isWildcard(name)) labels.shift()
  if (labels.length === 0) throw new IdentifierError('"*" alone is not a name')
  for (const label of labels)
    if (!LDH.test(label))
      throw new IdentifierError(`"${text}" has the label "${label}", which is not of letters, digits and hyphens`)
  return value
}

function wireName(text: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    if (error instanceof TextError) throw new IdentifierError(error.message)
    throw error
  }
}

function canonicalAddress(text: string): string {
  const bytes = addressBytes(text)
  if (!bytes || text.includes('%')) throw new IdentifierError(`"${text}" is not an IP address`)
  return printAddress(bytes)
}

/** RFC 5280 §4.2.1.6: absolute, with a scheme and something after it; a SPIFFE ID is held to its own form besides. */
function canonicalUri(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(text) || text.length > MAX_URI || !URL.canParse(text))
    throw new IdentifierError(`"${text}" is not an absolute URI`)
  if (/^spiffe:/i.test(text) && !SPIFFE_ID.test(text)) throw new IdentifierError(`"${text}" is not a SPIFFE ID`)
  return text
}

/** SPIFFE ID §2.3: no longer than this. */
const MAX_URI = 2048
/** SPIFFE ID §2: a trust domain and a path of plain segments, none of them "." or "..". */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)*$/

/** RFC 5280 §4.2.1.6: a Mailbox, local part "@" domain, without a name or angle brackets. */
function canonicalMailbox(text: string): string {
  const [, local, domain] = /^([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64})@([^@]+)$/.exec(text) ?? []
  if (local === undefined || domain === undefined || domain.startsWith('*'))
    throw new IdentifierError(`"${text}" is not a mail address`)
  return `${local}@${canonicalDnsName(domain)}`
}

/** The identifier for a host as configs and URLs have it: a name or a literal address, `[::1]` too. */
export function identifierOfHost(host: string): Identifier {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return parseIdentifier(addressBytes(bare) ? 'ip' : 'dns', bare.replace(/\.$/, ''))
}

/** The identifier for a name as an operator gives it: a host, a URI or a mail address. */
export function identifierOfName(name: string): Identifier {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) return parseIdentifier('uri', name)
  return name.includes('@') ? parseIdentifier('email', name) : identifierOfHost(name)
}

/** The wire name of a DNS identifier. */
export function nameOfIdentifier(identifier: Identifier): Name {
  return parseName(identifier.value)
}

/** Whether the identifier is a wildcard name. */
export function isWildcardIdentifier(identifier: Identifier): boolean {
  return identifier.type === 'dns' && identifier.value.startsWith('*.')
}

/** Sorted, each once, so that two sets can be compared member by member. */
export function uniqueIdentifiers(identifiers: readonly Identifier[]): Identifier[] {
  const byText = new Map(identifiers.map(identifier => [identifierText(identifier), identifier]))
  return [...byText.keys()].sort().map(text => byText.get(text)!)
}

/** "dns:www.example.com"; for comparing, messages and logs. */
export function identifierText(identifier: Identifier): string {
  return `${identifier.type}:${identifier.value}`
}

/** The wildcard that would stand for a host: for exactly one label (RFC 6125 §6.4.3). */
export function wildcardOver(host: string): string {
  return host.replace(/^[^.]+/, '*')
}
