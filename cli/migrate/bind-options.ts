import type { Lose } from './bind-lists.ts'
import type { Statement } from './named-conf.ts'

/** Options of which we have something, read in bind.ts or bind-zone.ts. */
const READ = new Set(
  `directory listen-on listen-on-v6 forwarders forward recursion allow-query allow-recursion allow-transfer allow-update also-notify dnssec-policy
  match-clients match-destinations dnssec-validation zone key notify`.split(/\s+/),
)

/** What is always as these ask for, or of no use here: nothing is lost with them. */
const NEEDLESS = new Set(
  `minimal-responses minimal-any session-keyfile session-keyname session-keyalg statistics-file zone-statistics pid-file dump-file memstatistics-file
  recursing-file secroots-file bindkeys-file managed-keys-directory geoip-directory check-integrity check-mx check-mx-cname check-srv-cname
  check-sibling check-spf check-dup-records check-wildcard qname-minimization prefetch synth-from-dnssec send-cookie answer-cookie
  stale-answer-enable stale-cache-enable ixfr-from-differences provide-ixfr request-ixfr max-journal-size flush-zones-on-shutdown masterfile-format
  masterfile-style auth-nxdomain tcp-advertised-timeout tcp-idle-timeout tcp-initial-timeout tcp-keepalive-timeout files datasize stacksize coresize
  interface-interval automatic-interface-scan trust-anchor-telemetry require-server-cookie dnssec-enable cleaning-interval`.split(
    /\s+/,
  ),
)

/** Where the counterpart of an option stands. */
const COUNTERPARTS: Readonly<Record<string, string>> = {
  'response-policy': 'see rpz',
  dns64: 'see dns64 of a view',
  'dns64-server': 'see dns64 of a view',
  version: 'see chaos',
  hostname: 'see chaos',
  'server-id': 'see chaos',
  'cookie-secret': 'see cookie_secret',
  'cookie-algorithm': 'cookies are made by SipHash 2-4: see cookie_secret',
  'transfers-in': 'see transfers',
  'transfers-out': 'see transfers',
  'transfers-per-ns': 'see transfers',
  'transfer-source': 'see source of a primary',
  'transfer-source-v6': 'see source of a primary',
  'max-refresh-time': 'see refresh of a zone',
  'min-refresh-time': 'see refresh of a zone',
  'max-retry-time': 'see retry of a zone',
  'min-retry-time': 'see retry of a zone',
  'rate-limit': 'see rate_limit',
  'empty-zones-enable': 'see empty_zones',
  'disable-empty-zone': 'see empty_zones',
  'max-cache-size': 'see cache',
  'max-cache-ttl': 'see cache',
  'max-ncache-ttl': 'see cache',
  'max-stale-ttl': 'see cache',
  dnstap: 'see dnstap',
  'dnstap-output': 'see dnstap',
  querylog: 'see log.queries',
  'catalog-zones': 'see catalog of a view',
  blackhole: 'see refuse of a view',
  'validate-except': 'see negative_trust_anchors',
  'serial-update-method': 'serials always rise by one',
  'deny-answer-addresses': 'see rebinding_protection',
  'deny-answer-aliases': 'see rpz',
  'tkey-gssapi-keytab': 'GSS-TSIG is out of scope: give the clients TSIG keys',
  'tkey-gssapi-credential': 'GSS-TSIG is out of scope: give the clients TSIG keys',
}

/** Says what becomes of an option that is not read: where its counterpart is, or that it has none. */
export function loseOption(statement: Statement, lose: Lose): void {
  const [keyword = ''] = statement.words
  if (READ.has(keyword) || NEEDLESS.has(keyword)) return
  const counterpart = Object.hasOwn(COUNTERPARTS, keyword) ? COUNTERPARTS[keyword] : undefined
  lose(statement, counterpart ? `${keyword}: ${counterpart}` : `the option ${keyword} has no counterpart`)
}
