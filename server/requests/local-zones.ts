import { type Prefix, printAddress } from '../../config/address.ts'
import { Class } from '../../dns/codes.ts'
import { isSubdomain, LOWER, type Name, parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseRdataText, Type } from '../../dns/types.ts'
import { embed } from '../../resolver/dns64.ts'
import { ZoneTable } from '../../zones/lookup/table.ts'
import { ZoneImage } from '../../zones/zone.ts'

/** What the operator has said about names: nothing of ours goes over it. */
export interface SpokenFor {
  /** The view's zones, loaded or not. */
  zones: readonly Name[]
  /** The zones of its forward rules. */
  rules: readonly Name[]
}

/** RFC 6303 §4 and RFC 7793: reverse zones of addresses that mean something at each site alone, or nothing. */
const PRIVATE_REVERSE: readonly string[] = [
  '10.in-addr.arpa',
  ...range(16, 31).map(octet => `${octet}.172.in-addr.arpa`),
  '168.192.in-addr.arpa',
  ...range(64, 127).map(octet => `${octet}.100.in-addr.arpa`),
  '0.in-addr.arpa',
  '254.169.in-addr.arpa',
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  `${'0.'.repeat(32)}ip6.arpa`,
  'd.f.ip6.arpa',
  ...['8', '9', 'a', 'b'].map(nibble => `${nibble}.e.f.ip6.arpa`),
  '8.b.d.0.1.0.0.2.ip6.arpa',
]

/** Zones with a content, as master file lines: owner, type, RDATA. RFC 6303 §4.2 and §4.3, with the names that RFC 1912 §4.1 gives them. */
const LOOPBACK_REVERSE: Readonly<Record<string, readonly string[]>> = {
  '127.in-addr.arpa': ['1.0.0 PTR localhost.'],
  [`1.${'0.'.repeat(31)}ip6.arpa`]: ['@ PTR localhost.'],
}

/** Special-use names that the DNS of the world does not know, or not as they are meant. */
const SPECIAL_USE: Readonly<Record<string, readonly string[]>> = {
  // RFC 6761 §6.3: every name below localhost is this machine.
  localhost: ['@ A 127.0.0.1', '@ AAAA ::1', '* A 127.0.0.1', '* AAAA ::1'],
  // RFC 6761 §6.4. Differs from §6.2: names below test are forwarded as any other, for laboratories forward them with the rule of the root.
  invalid: [],
  // RFC 6762 §22.1: multicast DNS.
  local: [],
  // RFC 7686 §2: Tor.
  onion: [],
  // RFC 8375 §4: the home network's own.
  'home.arpa': [],
  // RFC 8880 §7.1: how clients find a NAT64; it has IPv6 addresses where there is one.
  'ipv4only.arpa': ['@ A 192.0.0.170', '@ A 192.0.0.171'],
  '170.0.0.192.in-addr.arpa': ['@ PTR ipv4only.arpa.'],
  '171.0.0.192.in-addr.arpa': ['@ PTR ipv4only.arpa.'],
  // RFC 9462 §8.2: how clients find our encrypted services.
  'resolver.arpa': [],
  // RFC 9476 §2: names that are no DNS names.
  alt: [],
}

/**
 * The zones of a view, and those that it answers to the clients it recurses for so that what can't be known elsewhere is never asked there:
 * special-use names, and with `emptyZones` the reverse zones of private addresses. None lies at or below a zone or forward rule of the operator's
 * (but for the rule of the root), and names of a rule below one are not in it.
 */
export class HomeZones extends ZoneTable {
  private readonly local: ReadonlySet<ZoneImage>
  /** The rules below local zones. */
  private readonly holes: readonly Name[]

  constructor(
    own: Iterable<ZoneImage>,
    spokenFor: SpokenFor,
    serverName: Name,
    emptyZones: boolean,
    prefix64?: Prefix,
  ) {
    const local = localZones(spokenFor, serverName, emptyZones, prefix64)
    super([...own, ...local])
    this.local = new Set(local)
    this.holes = spokenFor.rules.filter(rule => local.some(({ origin }) => isSubdomain(rule, origin)))
  }

  override find(source: Uint8Array, at: number): ZoneImage | undefined {
    return this.unlessHole(super.find(source, at), source, at)
  }

  override findAbove(source: Uint8Array, at: number): ZoneImage | undefined {
    return this.unlessHole(super.findAbove(source, at), source, at)
  }

  private unlessHole(zone: ZoneImage | undefined, source: Uint8Array, at: number): ZoneImage | undefined {
    if (this.holes.length === 0 || !zone || !this.local.has(zone)) return zone
    for (const hole of this.holes) if (endsIn(source, at, hole)) return undefined
    return zone
  }
}

/** Whether the uncompressed name at `source[at]` is that name or below it. */
function endsIn(source: Uint8Array, at: number, name: Name): boolean {
  for (let label = at; ; label += source[label]! + 1) {
    if (sameName(source, label, name)) return true
    if (source[label] === 0) return false
  }
}

function sameName(source: Uint8Array, at: number, name: Name): boolean {
  for (let i = 0; i < name.length; i++) if (LOWER[source[at + i]!] !== LOWER[name[i]!]) return false
  return true
}

function localZones(
  spokenFor: SpokenFor,
  serverName: Name,
  emptyZones: boolean,
  prefix64: Prefix | undefined,
): ZoneImage[] {
  const empty = PRIVATE_REVERSE.map(name => [name, []] as const)
  const all = [...Object.entries(SPECIAL_USE), ...(emptyZones ? [...empty, ...Object.entries(LOOPBACK_REVERSE)] : [])]
  // RFC 7050 §3: by these a client learns of a NAT64, and of its prefix.
  const nat64 = prefix64 ? NAT64_ADDRESSES.map(address => `@ AAAA ${printAddress(embed(address, prefix64))}`) : []
  const theirs = [...spokenFor.zones, ...spokenFor.rules.filter(({ length }) => length > 1)]
  return all.flatMap(([name, lines]) => {
    const origin = parseName(name)
    if (theirs.some(one => isSubdomain(origin, one))) return []
    // Delegated, so that the DS of a zone below is answered as that of a child.
    const below = spokenFor.zones.filter(one => isSubdomain(one, origin))
    return [
      ZoneImage.create(
        origin,
        contentOf(origin, name === NAT64_NAME ? [...lines, ...nat64] : lines, below, serverName),
        { slack: 0 },
      ),
    ]
  })
}

const NAT64_NAME = 'ipv4only.arpa'
const NAT64_ADDRESSES = [170, 171].map(last => Uint8Array.of(192, 0, 0, last))

const TTL = 10_800

function contentOf(origin: Name, lines: readonly string[], below: readonly Name[], serverName: Name): ResourceRecord[] {
  const record = (owner: Name, type: number, rdata: Uint8Array) => ({ owner, type, class: Class.IN, ttl: TTL, rdata })
  return [
    // RFC 6303 §3: the SOA, and the apex as the only name server.
    record(origin, Type.SOA, parseRdataText(Type.SOA, `${printName(origin)} nobody.invalid. 1 3600 1200 604800 10800`)),
    record(origin, Type.NS, origin),
    ...below.map(cut => record(cut, Type.NS, serverName)),
    ...lines.map(line => {
      const [owner, type, rdata] = line.split(' ') as [string, 'A' | 'AAAA' | 'PTR', string]
      return record(
        owner === '@' ? origin : parseName(owner, origin),
        Type[type],
        parseRdataText(Type[type], rdata, origin),
      )
    }),
  ]
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
