import { type Prefix, parsePrefix } from './address.ts'
import { byShape, type Decoded, defaulted, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { type NamedUpstream, parseForwarder, type Upstream } from './upstream.ts'
import { accessList, choice, domainName, flag, integer, parsed, seconds, socketAddress } from './values.ts'

const server = parsed(
  'upstream: IP, IP:port, tls://IP#NAME, https://IP/PATH#NAME, tls://NAME or https://NAME/PATH',
  parseForwarder,
)

/** A pinned key as RFC 7858 §4.2 has it: base64 of a SHA-256. */
const pin = parsed('SHA-256 of a SubjectPublicKeyInfo in base64', text =>
  /^[A-Za-z0-9+/]{43}=$/.test(text) ? text : undefined,
)

const detailed = record(
  {
    address: required(server, 'how it is reached'),
    weight: optional(integer(1, 1000), 'its share of the questions with `select: weighted`; left out: 1'),
    max_concurrent: optional(integer(1, 100_000), 'how many questions it may have outstanding; left out: any number'),
    pins: optional(
      list(pin, { nonEmpty: true }),
      'of a server with TLS: the keys of which its certificate must have one; without `#NAME` nothing else is asked of the certificate',
    ),
  },
  ({ address, pins }) =>
    pins && address.transport === 'udp' ? 'pins are for an address with tls:// or https://' : undefined,
)

/** A resolver that queries are sent on to, and what is asked of it. */
export type Forwarder = (Upstream | NamedUpstream) & { weight?: number; max_concurrent?: number; pins?: string[] }

/** A resolver, by its address alone or with more said of it. */
export const forwarder: Kind<Forwarder> = byShape({
  scalar: mapped(server, address => address as Forwarder),
  map: mapped(detailed, ({ address, ...rest }): Forwarder => ({ ...address, ...rest })),
  label: 'upstream, or map of address and more',
})

/** How the upstreams of a rule are chosen. */
export const selection = choice('order', 'latency', 'weighted')

const stubZone = record({
  zone: required(domainName, 'the zone'),
  to: required(
    list(socketAddress(53), { nonEmpty: true }),
    'its authoritative servers, asked directly; where they delegate, those below are asked',
  ),
  dnssec: defaulted(
    choice('off', 'validate'),
    'validate',
    'whether what they say is validated where a trust anchor reaches it: one of the zone or below it, or one above it if the rule for its parent validates',
  ),
})
/** A zone whose authoritative servers are known. */
export type StubZone = Decoded<typeof stubZone>
export const stubZones = list(stubZone)

export const cache = record({
  size: defaulted(integer(1, 2047), 64, 'MiB of answers that are kept, of all views and threads together'),
  min_ttl: defaulted(seconds, 0, 'seconds that an answer is kept at least, whatever its TTL'),
  max_ttl: defaulted(seconds, 86400, 'seconds that an answer is kept at most'),
  negative_ttl: defaulted(seconds, 10800, 'seconds that it is kept at most that a name or type does not exist'),
  stale: defaulted(
    seconds,
    3 * 86400,
    'seconds that an expired answer is kept for when no upstream answers (RFC 8767); 0 is not at all',
  ),
  stale_ttl: defaulted(seconds, 30, 'the TTL of such an answer'),
  prefetch: defaulted(
    flag,
    true,
    'whether an answer that is asked for in the last tenth of its time is renewed before it ends',
  ),
  save: defaulted(
    flag,
    true,
    'whether the cache is kept in `data_dir` when the daemon stops, and taken up when it starts',
  ),
})
/** Limits of the resolver cache. */
export type CacheConfig = Decoded<typeof cache>

const policyZone = record({
  zone: required(domainName, 'a zone of the view, whose records are rules'),
  policy: defaulted(
    choice('given', 'passthru', 'nxdomain', 'nodata', 'drop', 'tcp-only', 'disabled'),
    'given',
    'what becomes of what a rule fits: what the rule says, or always the same; `disabled` switches the zone off',
  ),
  log: defaulted(flag, true, 'whether each answer that a rule has changed is logged'),
})
/** A response policy zone (RPZ). */
export type PolicyZoneConfig = Decoded<typeof policyZone>
export const policyZones = list(policyZone)

/** Which private addresses may come from public upstreams. */
export const rebinding = record({
  except: defaulted(list(domainName), [], 'names, and all below, that may have private addresses'),
})

const SIXES = [32, 40, 48, 56, 64, 96]

const prefix64: Kind<Prefix> = parsed('IPv6 block of 32, 40, 48, 56, 64 or 96 bits (RFC 6052 §2.2)', text => {
  const block = parsePrefix(text)
  return block && block.bytes.length === 16 && SIXES.includes(block.length) ? block : undefined
})

const block6: Kind<Prefix> = parsed('IPv6 block', text => {
  // Not by `parsePrefix`: ::ffff:0:0/96 shall stay a block of IPv6.
  const [address, length] = text.split('/')
  const mapped = /^::ffff:0{1,4}:0{1,4}$/i.test(address ?? '')
  if (mapped && length === '96')
    return { bytes: Uint8Array.of(...new Uint8Array(10), 255, 255, 0, 0, 0, 0), length: 96 }
  const block = parsePrefix(text)
  return block?.bytes.length === 16 ? block : undefined
})

export const dns64 = record({
  prefix: defaulted(prefix64, '64:ff9b::/96', 'the prefix that IPv4 addresses are put behind'),
  clients: optional(accessList, 'the clients that it is done for; left out: all of the view'),
  exclude: defaulted(list(block6), ['::ffff:0:0/96'], 'IPv6 addresses that count as none (RFC 6147 §5.1.4)'),
})
/** Synthesis of AAAA records (RFC 6147). */
export type Dns64Config = Decoded<typeof dns64>
