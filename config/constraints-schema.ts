import { lowerName, type Name, printName } from '../dns/name.ts'
import { parsePrefix, printPrefix } from './address.ts'
import { byShape, type Kind, list, mapped, optional, record } from './kinds.ts'
import { domainName, parsed } from './values.ts'

/**
 * Names that a CA is limited to, or kept from (RFC 5280 §4.2.1.10): at and below a domain, addresses in a block, URIs by their host, mailboxes by
 * themselves, their host or (with a leading dot) their domain.
 */
export type Subtree = { dns: string } | { ip: string } | { uri: string } | { email: string }

/** Of the kinds that `permitted` has only those given are allowed; none that is excluded. */
export interface NameConstraintsConfig {
  permitted: Subtree[]
  excluded: Subtree[]
}

/** The name as a constraint has it: itself and all below. */
export function constraintText(name: Name): string {
  return printName(lowerName(name)).replace(/\.$/, '')
}

const domains = mapped(list(domainName, { nonEmpty: true }), names =>
  names.map(name => ({ dns: constraintText(name) })),
)

const block: Kind<Subtree> = parsed('address block', value => {
  const prefix = parsePrefix(value)
  return prefix && { ip: printPrefix(prefix) }
})

const HOST = /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/

const host: Kind<Subtree> = parsed('host, or domain with a leading dot', value => {
  const uri = value.toLowerCase()
  return HOST.test(uri) ? { uri } : undefined
})

const mailboxes: Kind<Subtree> = parsed('mailbox, host, or domain with a leading dot', value => {
  const at = value.lastIndexOf('@')
  const email = value.slice(0, at + 1) + value.slice(at + 1).toLowerCase()
  return HOST.test(email.slice(at + 1)) && at !== 0 ? { email } : undefined
})

const subtrees: Kind<Subtree[]> = mapped(
  record({
    dns: optional(domains, 'domains: themselves and all below'),
    ip: optional(list(block, { nonEmpty: true }), 'address blocks'),
    email: optional(list(mailboxes, { nonEmpty: true }), 'mailboxes, hosts, or `.domain` for all hosts below'),
    uri: optional(list(host, { nonEmpty: true }), 'hosts of URIs, or `.domain` for all hosts below'),
  }),
  ({ dns = [], ip = [], email = [], uri = [] }) => [...dns, ...ip, ...email, ...uri],
)

/** A list of domains below which names may be, or a map of what is permitted and what is excluded. */
export const nameConstraints: Kind<NameConstraintsConfig> = byShape({
  list: mapped(domains, permitted => ({ permitted, excluded: [] })),
  map: mapped(
    record(
      {
        permitted: optional(subtrees, 'of the kinds that are given, the only names that it may certify'),
        excluded: optional(subtrees, 'names that it may not certify, whatever is permitted'),
      },
      ({ permitted, excluded }) => (permitted || excluded ? undefined : 'give permitted, excluded or both'),
    ),
    ({ permitted = [], excluded = [] }) => ({ permitted, excluded }),
  ),
  label: 'list of domain names, or map of what is permitted and excluded',
})
