import { nameKey } from '../dns/name.ts'
import type { SocketAddress } from '../host/network.ts'
import { addressBytes, parseSocketAddress } from './address.ts'
import { byShape, type Decoded, defaulted, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { dns64, type Forwarder, forwarder, policyZones, rebinding, selection, stubZones } from './resolver-schema.ts'
import { accessList, choice, domainName, flag, keyReference, parsed, socketAddress, text } from './values.ts'
import { zone } from './zone-schema.ts'

const forwardRule = record(
  {
    zone: required(domainName, 'the names it is for: this one and all below; the longest that fits decides'),
    to: required(
      list(forwarder, { nonEmpty: true }),
      'the resolvers asked, in order of preference unless `select` says otherwise',
    ),
    select: defaulted(
      selection,
      'order',
      'who is asked first: as listed, the fastest, or by chance according to `weight`',
    ),
    bootstrap: defaulted(
      list(socketAddress(53)),
      [],
      'resolvers that are asked, over UDP, for the addresses of those in `to` that are given by name',
    ),
    client_subnet: defaulted(
      flag,
      false,
      'whether the subnet that a client sends along (ECS, RFC 7871) is passed on; otherwise it never leaves',
    ),
    dnssec: defaulted(choice('off', 'validate'), 'off', 'whether what they say is validated'),
  },
  checkBootstrap,
)
/** Where names that are not ours are resolved. */
export type ForwardRule = Decoded<typeof forwardRule>

function checkBootstrap(rule: { to: readonly Forwarder[]; bootstrap: readonly SocketAddress[] }): string | undefined {
  const named = rule.to.find(one => 'name' in one)
  return named && 'name' in named && rule.bootstrap.length === 0
    ? `${named.name} is given by name: the rule needs bootstrap, the resolvers that know its address`
    : undefined
}

/** A local address that a request came to; port 0 is any. */
export interface DestinationMatch {
  bytes: Uint8Array
  port: number
}

const destination: Kind<DestinationMatch> = parsed('address, with or without a port', value => {
  const local = parseSocketAddress(value, 0)
  return local && { bytes: addressBytes(local.address)!, port: local.port }
})

/** Where DNS over HTTPS is served, and below it (RFC 8484 §3 leaves the path to the server; this one is what clients try). */
export const DOH_PATH = '/dns-query'

const path: Kind<string> = parsed(
  `path: ${DOH_PATH}, or one below it`,
  value => (value === DOH_PATH || /^\/dns-query(\/[\w.~-]+)+$/.test(value) ? value : undefined),
  `^${DOH_PATH}(/|$)`,
)

const dohPath: Kind<string[]> = byShape({
  scalar: mapped(path, one => [one]),
  list: list(path, { nonEmpty: true }),
  label: 'path, or list of paths',
})

const match = record({
  clients: optional(accessList, 'the addresses of its clients'),
  destinations: optional(list(destination, { nonEmpty: true }), 'the addresses of ours that its clients ask'),
  doh_path: optional(dohPath, 'the path on which its clients ask by DNS over HTTPS'),
  keys: defaulted(list(keyReference), [], 'the TSIG keys that bring a request here whatever its addresses'),
})
/** Whose requests a view is for. */
export type MatchConfig = Decoded<typeof match>

/** A view as it stands in the config. */
export const view = record({
  name: required(text, 'its name, in logs and commands'),
  match: defaulted(match, {}, 'whose requests it is for: all kinds given must hold; left out: everybody'),
  recursion: defaulted(accessList, [], 'the addresses that may have names resolved that are not ours'),
  zones: defaulted(list(zone, { unique: one => nameKey(one.name) }), [], 'what it is authoritative for'),
  empty_zones: optional(
    flag,
    'whether reverse names of private addresses (RFC 6303) that no zone or rule is for are answered here to those who may recurse; left out: as at the top level',
  ),
  forward: defaulted(list(forwardRule, { unique: one => nameKey(one.zone) }), [], 'where other names are resolved'),
  refuse: defaulted(accessList, [], 'clients that get no answer here but REFUSED, whatever else lets them in'),
  stub: optional(
    stubZones,
    'zones whose authoritative servers are asked directly, for clients that may recurse; left out: as at the top level',
  ),
  rpz: optional(
    policyZones,
    'response policy zones, the first that fits decides; what our own zones say is left alone; left out: as at the top level',
  ),
  leak_guard: defaulted(
    flag,
    true,
    'whether names that mean something at home alone (`internal`, `cluster.local`, zones of other views, what search lists make of them) are kept from upstreams with public addresses, unless a rule is for them in particular',
  ),
  rebinding_protection: optional(
    rebinding,
    'private addresses are taken out of answers from upstreams with public addresses; left out: they are passed on',
  ),
  dns64: optional(dns64, 'IPv6 addresses are made for names that have IPv4 addresses alone (RFC 6147)'),
})
/** What one group of clients sees. The first view that matches a request answers it. */
export type ViewConfig = Decoded<typeof view>
