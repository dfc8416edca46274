import { type Name, nameKey } from '../dns/name.ts'
import { isMetaType, typeCode } from '../dns/types.ts'
import type { SocketAddress } from '../host/network.ts'
import { addressBytes, parseSocketAddress } from './address.ts'
import { shownName } from './findings.ts'
import { byShape, type Decoded, defaulted, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { dns64, type Forwarder, forwarder, policyZones, rebinding, selection, stubZones } from './resolver-schema.ts'
import { pem } from './secret.ts'
import { parseUpstream, type Upstream } from './upstream.ts'
import {
  accessList,
  choice,
  domainName,
  duration,
  file,
  flag,
  integer,
  ipAddress,
  keyReference,
  namePattern,
  parsed,
  reference,
  seconds,
  socketAddress,
  text,
} from './values.ts'

const typeKind: Kind<number> = mapped({ ...text, label: 'record type' }, word => {
  const code = typeCode(word)
  if (code === undefined || isMetaType(code)) throw new Error(`"${word}" is not a record type that a zone can hold`)
  return code
})

const ttlRange: Kind<[number, number]> = {
  ...mapped(list(seconds), limits => leastAndMost(limits)),
  label: '[least, most], in seconds or as durations',
}

function leastAndMost(limits: readonly number[]): [number, number] {
  const [least, most] = limits
  if (least === undefined || most === undefined || limits.length !== 2 || least > most)
    throw new Error('expected [least, most]')
  return [least, most]
}

const durationRange: Kind<[number, number]> = {
  ...mapped(list(duration), limits => leastAndMost(limits)),
  label: '[least, most] as durations',
}

const updateRule = record({
  key: required(keyReference, 'the TSIG key that must have signed the update'),
  names: required(list(namePattern, { nonEmpty: true }), 'the owners it may change'),
  types: optional(
    list(typeKind, { nonEmpty: true }),
    'the types it may change; left out: all but SOA, NS and those of DNSSEC',
  ),
  from: optional(accessList, 'the addresses it must come from'),
  own: defaulted(
    flag,
    false,
    'it may add only where nobody else holds the name and type, and change only what it added',
  ),
  ttl: optional(ttlRange, 'the least and the greatest TTL it may set'),
  wildcards: defaulted(flag, false, 'whether it covers wildcard owners (`*.x`)'),
  deletes: optional(
    record({
      per_message: optional(integer(0, 1_000_000), 'in one message'),
      per_minute: optional(integer(0, 1_000_000), 'in a minute'),
    }),
    'the most records that it lets be deleted; what is replaced does not count',
  ),
})
/** Who may change what in a dynamic zone. The first rule that fits decides. */
export type UpdateRule = Decoded<typeof updateRule>

const transferRule = record(
  {
    key: optional(keyReference, 'the TSIG key that must have signed the request'),
    from: optional(accessList, 'the addresses it must come from'),
    tls: optional(flag, 'whether it must come over TLS (RFC 9103)'),
    ixfr: optional(
      flag,
      'whether differences are given (RFC 1995); false: always the whole zone, to who takes them wrong',
    ),
  },
  rule => (rule.key || rule.from ? undefined : 'give key, from, or both; { from: [any] } is everybody'),
)
/** Who may have the whole zone; all that the rule names must hold. */
export type TransferRule = Decoded<typeof transferRule>

const source = optional(
  ipAddress,
  'the address of ours from which it is asked; left out: the one that the system chooses',
)

const keyedServer = record(
  {
    address: required(socketAddress(53), 'its address, and its port unless that is 53'),
    key: optional(keyReference, 'the TSIG key to sign with'),
    source,
  },
  ({ address, source: from }) => complaintOfSource(address.address, from),
)
/** A server that is told of changes, or asked for them. */
export type RemoteServer = Decoded<typeof keyedServer>

const remoteServer: Kind<RemoteServer> = byShape({
  scalar: mapped(socketAddress(53), address => ({ address })),
  map: keyedServer,
  label: 'address, or map of address and key',
})

const primaryAddress = parsed('address: IP, IP:port or tls://IP#NAME', text => {
  const upstream = parseUpstream(text)
  return upstream?.transport === 'https' ? undefined : upstream
})

/** Both must be of one family. */
function complaintOfSource(address: string, from: string | undefined): string | undefined {
  if (from === undefined || addressBytes(from)!.length === addressBytes(address)!.length) return undefined
  return `${address} can not be asked from ${from}: one is IPv4, the other IPv6`
}

/** A server that a secondary zone is transferred from. */
export interface PrimaryServer extends RemoteServer {
  /** False: differences (RFC 1995) are not asked for, always the whole zone. */
  ixfr?: false
  /** It is asked over TLS alone (RFC 9103): the name that its certificate must carry, and the roots that are trusted, in PEM. */
  tls?: { hostname?: string; roots?: string }
}

const primaryServer: Kind<PrimaryServer> = byShape({
  scalar: mapped(primaryAddress, address => primaryOf({ address })),
  map: mapped(
    record(
      {
        address: required(primaryAddress, 'its address; with tls:// it is asked over TLS, port 853 (RFC 9103)'),
        key: optional(keyReference, 'the TSIG key to sign with'),
        roots: optional(pem, 'the roots that its TLS certificate may come from, in PEM; left out: those of the system'),
        ixfr: optional(
          flag,
          'whether differences are asked for (RFC 1995); false: always the whole zone, of who gives them wrong',
        ),
        source,
      },
      ({ address, roots, source: from }) =>
        roots !== undefined && address.transport !== 'tls'
          ? 'roots are for an address with tls://'
          : complaintOfSource(address.address, from),
    ),
    primaryOf,
  ),
  label: 'address, or map of address, key and roots',
})

interface WrittenPrimary {
  address: Upstream
  key?: Name
  roots?: string
  ixfr?: boolean
  source?: string
}

function primaryOf(written: WrittenPrimary): PrimaryServer {
  const { transport, address, port, hostname } = written.address
  const { key, roots, ixfr, source: from } = written
  const tls = { ...(hostname !== undefined && { hostname }), ...(roots !== undefined && { roots }) }
  return {
    address: { address, port },
    ...(key && { key }),
    ...(transport === 'tls' && { tls }),
    ...(ixfr === false && { ixfr }),
    ...(from !== undefined && { source: from }),
  }
}

/** RFC 9432 §4.4.2: one string of a TXT record. */
const groupName = mapped(text, value => {
  const octets = Buffer.byteLength(value)
  if (octets === 0 || octets > 255) throw new Error(`a group has 1 to 255 octets, not ${octets}`)
  return value
})

const memberSettings = {
  primaries: optional(
    list(primaryServer, { nonEmpty: true }),
    'the servers that they are transferred from; left out: those of the catalog',
  ),
  transfer: optional(list(transferRule), 'who may have them whole; nobody unless a rule says so'),
  notify: optional(list(remoteServer), 'servers that are told of each change of them'),
}

const catalog = record({
  ...memberSettings,
  groups: defaulted(
    list(
      record({
        name: required(groupName, 'the value of the `group` property'),
        ...memberSettings,
      }),
      { unique: one => one.name },
    ),
    [],
    'settings of members of a group, before those above; where a member has several groups, the first that is listed here counts',
  ),
})
/** How the member zones of a catalog are served. */
export type CatalogConfig = Decoded<typeof catalog>

const catalogOf = record({
  zones: defaulted(
    list(namePattern, { nonEmpty: true }),
    ['**'],
    'which zones of the view it lists; catalogs are left out',
  ),
  groups: defaulted(
    list(
      record({
        name: required(groupName, 'the value of the `group` property'),
        zones: required(list(namePattern, { nonEmpty: true }), 'the zones that it is for'),
      }),
    ),
    [],
    'what else it says of them, for its consumers to choose settings by',
  ),
  moved: defaulted(
    list(
      record({
        zones: required(list(namePattern, { nonEmpty: true }), 'the zones that go'),
        to: required(domainName, 'the catalog that they go to'),
      }),
    ),
    [],
    'zones that another catalog takes over (the `coo` property)',
  ),
})
/** Which zones of its view a catalog lists. */
export type CatalogOfConfig = Decoded<typeof catalogOf>

const showRule = record({
  names: required(list(namePattern, { nonEmpty: true }), 'the owners that are shown'),
  types: optional(list(typeKind, { nonEmpty: true }), 'the types that are shown; left out: all'),
  wildcards: defaulted(flag, false, 'whether it covers wildcard owners (`*.x`); the pattern `**` does anyway'),
})
/** What an overlay shows of its base. */
export type ShowRule = Decoded<typeof showRule>

/** DNSSEC algorithms by the names of the configuration (RFC 8624 §3.1). */
export const ALGORITHM_CODES = {
  'ecdsa-p256': 13,
  'ecdsa-p384': 14,
  ed25519: 15,
  'rsa-sha256': 8,
  'rsa-sha512': 10,
} as const

const dnssec = record({
  sign: defaulted(flag, false, 'whether the zone is signed'),
  algorithm: defaulted(
    choice('ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-sha256', 'rsa-sha512'),
    'ecdsa-p256',
    'the algorithm of its keys',
  ),
  keys: defaulted(
    choice('csk', 'ksk-zsk'),
    'csk',
    'one key that signs all, or a key-signing key and a zone-signing key',
  ),
  nsec3: defaulted(flag, false, 'whether absence is proved by NSEC3 (RFC 5155), which hides names, instead of NSEC'),
  ksk_lifetime: optional(
    duration,
    'how long a key that the parent knows (CSK or KSK) is used before another takes its place; left out: until `zone dnssec rollover`',
  ),
  zsk_lifetime: optional(duration, 'the same of a ZSK'),
  propagation_delay: defaulted(duration, '5m', 'how long a change takes to reach all servers of the zone'),
  parent_propagation_delay: defaulted(
    duration,
    '1h',
    'how long a change takes to reach all servers of the parent zone',
  ),
  parent_ds_ttl: defaulted(
    duration,
    '1d',
    'the TTL of the DS in the parent zone; a longer one that is seen there counts',
  ),
})
/** How a zone is signed. */
export type DnssecConfig = Decoded<typeof dnssec>

const zoneFields = {
  name: required(domainName, 'the zone apex'),
  type: defaulted(
    choice('primary', 'secondary'),
    'primary',
    'whether its content is ours or transferred from `primaries`',
  ),
  file: optional(
    file,
    'its master file; of a dynamic zone the human baseline, changes of which are applied at start and reload',
  ),
  dynamic: defaulted(flag, false, 'whether it takes updates (RFC 2136)'),
  update: defaulted(
    list(updateRule),
    [],
    'who may change what; nothing is allowed unless a rule says so, the first that fits decides; of a secondary: whose updates are forwarded to its primaries, left out: those signed with any key that verifies',
  ),
  reserved: optional(list(namePattern), 'names that no update may touch, whatever the rules'),
  transfer: defaulted(list(transferRule), [], 'who may have the whole zone (AXFR); nobody unless a rule says so'),
  notify: defaulted(list(remoteServer), [], 'servers that are told of each change (RFC 1996)'),
  dnssec: optional(dnssec, 'DNSSEC'),
  delegated: optional(
    flag,
    'whether a parent that is not served in the view has to delegate it, as the zone itself has it: NS, glue and DS are compared every hour (`namestead probe`)',
  ),
  ptr_from: optional(list(domainName), 'zones whose A and AAAA records are kept as PTR records here'),
  primaries: optional(list(primaryServer, { nonEmpty: true }), 'of a secondary: the servers it is transferred from'),
  catalog: optional(
    catalog,
    'of a secondary: it is a catalog (RFC 9432), whose member zones are served as secondary zones of the view',
  ),
  catalog_of: optional(
    catalogOf,
    'makes it a catalog (RFC 9432) of zones of the view, for secondaries that configure themselves by it',
  ),
  refresh: defaulted(
    durationRange,
    ['5s', '28d'],
    'of a secondary: how often its primaries are asked, at most and at least, whatever its SOA says',
  ),
  retry: defaulted(durationRange, ['5s', '28d'], 'of a secondary: the same where none of them has answered'),
  overlay_of: optional(reference('views', 'view'), 'the view whose zone of this name is the base of this one'),
  show: optional(list(showRule), 'of an overlay: what it shows of its base'),
  hide_private: defaulted(flag, false, 'of an overlay: whether private addresses are left out'),
  also_update: optional(
    list(reference('views', 'view')),
    'views whose zones of this name take each update as well, all or none',
  ),
}

/** A zone as it stands in a view. */
export const zone = record(zoneFields, zone => {
  const name = shownName(zone.name)
  if (zone.type === 'secondary' && zone.dnssec?.sign)
    return `the secondary zone ${name} can not be signed here: its primary signs it`
  if (zone.type === 'secondary' && zone.catalog_of)
    return `the secondary zone ${name} can not list zones: catalog_of is for a primary`
  if (zone.type === 'secondary')
    return zone.primaries ? undefined : `the secondary zone ${name} needs primaries: the servers it is transferred from`
  if (zone.primaries) return `the zone ${name} has primaries but is not of type secondary`
  if (zone.catalog) return `the zone ${name} has catalog but is not of type secondary; a primary has catalog_of`
  if (zone.catalog_of) return complaintOfCatalog(zone)
  if (zone.show && !zone.overlay_of) return `the zone ${name} has show but not overlay_of`
  if (zone.dynamic && zone.overlay_of)
    return `the zone ${name} is an overlay and takes no updates: dynamic goes to its base`
  if (!zone.file && !zone.dynamic && !zone.overlay_of) return `the zone ${name} needs a file, or dynamic: true`
  return undefined
})
/** A zone that a view is authoritative for. */
export type ZoneConfig = Decoded<typeof zone>

/** Octets of a catalog's name that leave room for the nodes below it. */
const LONGEST_CATALOG = 200

/** What a catalog says is ours alone. */
function complaintOfCatalog({ name, ...zone }: { name: Name } & Record<string, unknown>): string | undefined {
  const other = (['file', 'dynamic', 'dnssec', 'overlay_of', 'ptr_from', 'also_update'] as const).find(key => zone[key])
  if (other) return `the zone ${shownName(name)} is a catalog, which is made here: ${other} is not for it`
  return name.length > LONGEST_CATALOG ? `the name ${shownName(name)} is too long for a catalog` : undefined
}

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
