import { nameKey, parseName } from '../dns/name.ts'
import { api } from './api-schema.ts'
import { ca } from './ca-schema.ts'
import { dashboard } from './dashboard-schema.ts'
import { type Decoded, defaulted, derived, dictionary, type Kind, list, optional, record, required } from './kinds.ts'
import { dnstap, queryLog } from './log-schema.ts'
import { cache, policyZones, stubZones } from './resolver-schema.ts'
import { cookieSecrets, pem, secret, tsigSecrets } from './secret.ts'
import { tracing } from './tracing-schema.ts'
import { negativeTrustAnchor, trustAnchors } from './trust.ts'
import {
  accessList,
  choice,
  dataFile,
  domainName,
  duration,
  file,
  flag,
  integer,
  parsed,
  socketAddress,
  text,
} from './values.ts'

import { view } from './view-schema.ts'

export type { CertificateIdentity } from './api-schema.ts'
export type {
  CaConfig,
  ChallengeType,
  IntermediateConfig,
  IssueRule,
  IssuerConfig,
  KeyAlgorithm,
  KeySource,
  ProfileConfig,
  RootConfig,
} from './ca-schema.ts'
export type { CatalogConfig, CatalogOfConfig } from './catalog-schema.ts'
export type { GrantConfig, OidcConfig } from './dashboard-schema.ts'
export type { QueryLogConfig } from './log-schema.ts'
export type { CacheConfig, Dns64Config, Forwarder, PolicyZoneConfig, StubZone } from './resolver-schema.ts'
export type { TracingConfig } from './tracing-schema.ts'
export type { PrimaryServer, RemoteServer, TransferRule } from './transfer-schema.ts'
export type { NegativeTrustAnchorConfig, TrustAnchorConfig } from './trust.ts'
export type { UpdateRule } from './update-schema.ts'
export type { Upstream } from './upstream.ts'
export type { DestinationMatch, ForwardRule, MatchConfig, ViewConfig } from './view-schema.ts'
export type { ShowRule, ZoneConfig } from './zone-schema.ts'

const listen = record({
  dns: defaulted(list(socketAddress(53)), [], 'DNS over UDP and TCP'),
  dot: defaulted(list(socketAddress(853)), [], 'DNS over TLS (RFC 7858)'),
  https: defaulted(list(socketAddress(443)), [], 'ACME, and whatever else is asked over HTTPS'),
  http: defaulted(list(socketAddress(80)), [], 'CRLs, OCSP, issuer certificates, roots'),
  metrics: defaulted(list(socketAddress(9153)), [], '/metrics, /health, /ready'),
})
/** What we listen on. */
export type ListenConfig = Decoded<typeof listen>

const tsigAlgorithm = choice('hmac-sha256', 'hmac-sha512', 'hmac-sha384', 'hmac-sha224', 'hmac-sha1', 'hmac-md5')
/** A TSIG algorithm by its usual name; `hmac-md5` is HMAC-MD5.SIG-ALG.REG.INT. */
export type TsigAlgorithm = Decoded<typeof tsigAlgorithm>

const key = record({
  name: required(domainName, 'its name, as both sides write it'),
  algorithm: defaulted(tsigAlgorithm, 'hmac-sha256', 'the algorithm (RFC 8945 §6)'),
  secret: required(tsigSecrets, 'the shared secret in base64; of a list the first signs, any is accepted'),
})
/** A TSIG key (RFC 8945). */
export type KeyConfig = Decoded<typeof key>

const realtime: Kind<boolean | 'auto'> = {
  json: { anyOf: [{ const: 'auto' }, flag.json] },
  label: 'true, false or `auto`',
  decode: (source, context) =>
    source.kind === 'scalar' && source.value === 'auto' ? 'auto' : flag.decode(source, context),
}

const workers: Kind<number | 'auto'> = {
  json: { anyOf: [{ const: 'auto' }, { type: 'integer', minimum: 1, maximum: 256 }] },
  label: 'number, or `auto`',
  decode: (source, context) =>
    source.kind === 'scalar' && source.value === 'auto' ? 'auto' : integer(1, 256).decode(source, context),
}

const tls = record({
  certificate: required(pem, 'the certificate chain'),
  key: required(pem, 'its private key'),
})
/** A certificate that is not from our own CA. */
export type TlsConfig = Decoded<typeof tls>

const database = record({
  sqlite: defaulted(dataFile, 'namestead.db', 'the file, relative to `data_dir`'),
  postgres: optional(secret, 'for several daemons that share one CA'),
})

const history = record({
  age: defaulted(duration, '365d', 'how long a change is kept'),
  changes: defaulted(integer(1, 10_000_000), 100_000, 'how many changes of each zone are kept'),
  size: defaulted(integer(1, 1_000_000), 256, 'how many MiB the changes of each zone may take'),
})

const transfers = record({
  in: defaulted(integer(1, 10_000), 32, 'zones that are fetched from primaries at once'),
  out: defaulted(
    integer(1, 10_000),
    64,
    'zones that each worker hands out at once; who comes then is told to come again',
  ),
  size: defaulted(integer(1, 65_536), 256, 'how many MiB a primary may send of one zone'),
  records: optional(
    integer(1, 1_000_000_000),
    'how many records a zone may have that comes from a primary; left out: as many as fit',
  ),
  idle: defaulted(duration, '30s', 'how long a primary may be silent amid a transfer'),
  time: defaulted(duration, '2h', 'how long a transfer from a primary may take'),
})
/** Limits of zone transfers, in and out. */
export type TransfersConfig = Decoded<typeof transfers>

const probe = record({
  name: required(domainName, 'the name that is asked and connected to'),
  port: defaulted(integer(1, 65535), 443, 'the port'),
  every: defaulted(duration, '5m', 'how often'),
})

const ageRecipient = parsed('age recipient: age1…', value =>
  /^age1[0-9a-z]{20,4000}$/.test(value) ? value : undefined,
)

const backup = record(
  {
    directory: optional(
      dataFile,
      'where backups are put by themselves, relative to `data_dir`; left out: none are made',
    ),
    every: defaulted(duration, '24h', 'how often'),
    keep: defaulted(integer(1, 10_000), 14, 'how many are kept there; older ones are removed'),
    passphrase: optional(secret, 'encrypts backups by age for whoever has it'),
    recipients: optional(list(ageRecipient, { nonEmpty: true }), 'encrypts them by age for these recipients: `age1…`'),
  },
  one => (one.passphrase && one.recipients ? 'give a passphrase or recipients: age takes one or the other' : undefined),
)
/** How and where backups are taken. */
export type BackupConfig = Decoded<typeof backup>

const rate = integer(0, 100_000)

const rateLimit = record({
  responses: required(rate, 'how often in a second a network may get the answer to one question; 0 is without limit'),
  nodata: optional(rate, 'how often it may be told that a name has no such data; left out: as `responses`'),
  nxdomains: optional(rate, 'how often it may be told that a name does not exist; left out: as `responses`'),
  referrals: optional(rate, 'how often it may be referred elsewhere; left out: as `responses`'),
  errors: optional(rate, 'how often it may be refused or told of a failure; left out: as `responses`'),
  all: defaulted(rate, 0, 'how many responses of any kind it may get in a second'),
  window: defaulted(duration, '15s', 'for how long at most a network stays limited that has become quiet'),
  slip: defaulted(
    integer(0, 10),
    2,
    'of the limited responses each so-manieth is sent in brief, with TC or BADCOOKIE, so that a real client can come back by TCP or with a cookie; 0 is none',
  ),
  ipv4_prefix: defaulted(integer(1, 32), 24, 'bits of an IPv4 address that make a network'),
  ipv6_prefix: defaulted(integer(1, 128), 56, 'bits of an IPv6 address that make a network'),
  exempt: defaulted(accessList, [], 'the addresses that are never limited'),
})
/** Limits of what one client network is sent over UDP. */
export type RateLimitConfig = Decoded<typeof rateLimit>

/** The whole configuration: JSON Schema, decoded types, defaults and reference page all come from this declaration. */
export const schema = record({
  name: derived(
    domainName,
    context => parseName(context.hostname),
    "the system's host name",
    'our own host name: in SOA and NS of zones made without a file, and in our HTTPS certificate',
  ),
  data_dir: defaulted(file, './data', 'where all that the daemon keeps lies'),
  listen: defaulted(listen, {}, 'what we listen on, each a list of `address:port`; all off but what is listed'),
  workers: defaulted(workers, 'auto', 'threads that serve DNS; `auto` is one for each processor'),
  realtime: defaulted(
    realtime,
    'auto',
    'whether threads that serve DNS run before all other programs (SCHED_RR), where the system permits it; `auto`: while they take less than half of their processors, so that a flood of queries leaves the others their share; true: always',
  ),
  user: optional(text, 'who we become after binding, where started as root'),
  tls: optional(tls, 'for `https` and `dot`, instead of a certificate from our own CA'),
  keys: defaulted(list(key, { unique: one => nameKey(one.name) }), [], 'TSIG keys'),
  acls: defaulted(
    dictionary(accessList, 'map of name to list of addresses, blocks and access lists'),
    {},
    'named lists of addresses; built in: any, none, localhost',
  ),
  views: defaulted(
    list(view, { unique: one => one.name }),
    [],
    'what each group of clients sees; the first that matches a request answers it',
  ),
  trust_anchors: defaulted(
    trustAnchors,
    [],
    'where validation begins, beside the built-in anchors of the root: DS or DNSKEY lines, or `{ file: PATH }`; one of "." replaces those',
  ),
  negative_trust_anchors: defaulted(
    list(negativeTrustAnchor, { unique: one => nameKey(one.name) }),
    [],
    'zones that are taken for unsigned until they are mended (RFC 7646); others come and go by `namestead nta`',
  ),
  ca: optional(ca, 'the certificate authority; left out: none'),
  api: defaulted(api, {}, 'the HTTP API, which is at `/api` of `https`'),
  dashboard: defaulted(dashboard, {}, 'the dashboard, which is at `/` of `https`'),
  probes: defaulted(list(probe), [], 'names that are asked and connected to from outside in'),
  database: defaulted(database, {}, 'where state is kept'),
  history: defaulted(
    history,
    {},
    'what is kept of the changes of each zone: for `zone history` and `zone revert`, and for secondaries that ask what changed',
  ),
  transfers: defaulted(transfers, {}, 'limits of zone transfers'),
  log: defaulted(
    record({
      level: defaulted(choice('debug', 'info', 'warn', 'error'), 'info', 'the least severe lines that are written'),
      queries: defaulted(queryLog, false, 'whether queries are logged, each with its answer, and which'),
    }),
    {},
    'the log, JSON lines on stdout',
  ),
  dnstap: optional(dnstap, 'queries and answers of clients are told to a reader of dnstap; left out: they are not'),
  tracing: optional(
    tracing,
    'traces of updates, orders and calls of the API, for a collector of OpenTelemetry; left out: none; taken up at the next start',
  ),
  backup: optional(backup, 'backups: when, where, and how they are encrypted'),
  rate_limit: optional(
    rateLimit,
    'response rate limiting, for UDP without a signature or a DNS cookie that we have given; left out: none',
  ),
  cookie_secret: optional(
    cookieSecrets,
    'the secret of DNS cookies (RFC 9018) that several servers share, 32 hexadecimal digits; of a list the first makes cookies, any is accepted; left out: a new one with each start',
  ),
  chaos: defaulted(
    record({
      version: optional(text, 'what `version.bind` and `version.server` say; left out: they are refused'),
      identity: defaulted(flag, false, 'whether `id.server` and `hostname.bind` say our `name`'),
    }),
    {},
    'what is told about the server itself in class CHAOS (RFC 4892)',
  ),
  proxy_protocol: defaulted(
    accessList,
    [],
    'the addresses of proxies in front of `dns` and `dot`: every datagram and connection from there begins with a PROXY protocol header, version 2, before TLS, which tells the client',
  ),
  cache: defaulted(cache, {}, 'the cache of the resolver; `size` is taken up at the next start'),
  stub: defaulted(stubZones, [], 'stub zones of the views that say nothing of their own'),
  rpz: defaulted(
    policyZones,
    [],
    'response policy zones of the views that say nothing of their own, as far as they have these zones',
  ),
  empty_zones: defaulted(
    flag,
    true,
    'whether views that recurse answer for the reverse zones of private addresses (RFC 6303) that no zone or rule is for, and do not forward them',
  ),
})
/** The decoded configuration: plain data, defaults filled in. */
export type Config = Decoded<typeof schema>
