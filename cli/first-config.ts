/** Where a new config has its daemon listen. */
export interface FirstPorts {
  address: string[]
  dns: number
  dot: number
  https: number
  http: number
  metrics: number
}

/** What a new config is made from. */
export interface FirstConfig {
  /** Without a final dot. */
  domain: string
  /** Our own address, for the name servers in the first zone. */
  address: string
  ports: FirstPorts
  /** Where the CA is reached. */
  caUrl: string
  caHttpUrl: string
  nameConstraints: string[]
  dataDir: string
  /** The account that the daemon becomes or is run as. */
  user?: string
  /** Resolvers for names that are not ours. */
  forwardTo: string[]
  /** A second view that shows the same domain to everybody else. */
  outside: boolean
}

const quoted = (texts: readonly string[]) => `[${texts.map(text => JSON.stringify(text)).join(', ')}]`

/** A commented config: TSIG keys in keys/, the zone in zones/, all else explained where it stands. */
export function printFirstConfig(first: FirstConfig): string {
  const { domain, ports } = first
  const on = (port: number) =>
    quoted(ports.address.map(address => `${address.includes(':') ? `[${address}]` : address}:${port}`))
  return `# The configuration of namestead. Check it with "namestead check", apply changes with "namestead reload".
# Files are relative to this one. Durations are written 30s, 5m, 12h, 90d.

name: ns1.${domain}
data_dir: ${first.dataDir}

listen:                       # a listener that is left out is off
  dns: ${on(ports.dns)}
  dot: ${on(ports.dot)}
  https: ${on(ports.https)}   # ACME; the certificate comes from our own CA
  http: ${on(ports.http)}    # CRL, OCSP, issuer certificates
  metrics: ["127.0.0.1:${ports.metrics}"] # /metrics, /health, /ready
${printUser(first)}

keys:                         # each file is usable with nsupdate -k and dig -k, too
  - { name: externaldns, algorithm: hmac-sha256, secret: { file: keys/externaldns.key } }
  - { name: certmanager, algorithm: hmac-sha256, secret: { file: keys/certmanager.key } }

acls:                         # built in: any, none, localhost
${printAcl(first)}

views:                        # the first that matches a request answers it
  - name: inside
    match: { clients: [inside], keys: [externaldns, certmanager] }
${printRecursion(first.forwardTo)}    zones:
      - name: ${domain}
        file: zones/${domain}.zone
        dynamic: true         # takes signed updates; the file keeps owning the records it holds
        update:               # the first rule that fits decides; nothing else is allowed
          - { key: externaldns, names: ["**.apps.${domain}"], types: [A, AAAA, CNAME, TXT] }
          - { key: certmanager, names: ["_acme-challenge.**"], types: [TXT] }
        transfer: [{ key: externaldns }, { key: certmanager }]
${printForward(first.forwardTo)}${first.outside ? printOutside(domain) : ''}ca:
  name: ${domain}
  url: ${first.caUrl}
  http_url: ${first.caHttpUrl}
  root: { generate: ecdsa-p384, validity: 3650d }
  intermediate: { generate: ecdsa-p256, validity: 365d, name_constraints: ${quoted(first.nameConstraints)} }
  validate_in: inside         # the view in which challenges are looked up
  issue:                      # who may have which names; nothing else is issued
    - { names: ["**.${domain}"], wildcards: true, profiles: [default, short] }
  profiles:
    - { name: default, validity: 90d }
    - { name: short, validity: 24h }
  # est: {}                   # for devices that speak no ACME: namestead ca enrolment; scep: {} for older ones

log: { level: info, queries: false }
`
}

function printUser({ user }: FirstConfig): string {
  return user === undefined
    ? '# user: namestead             # who we become after binding, where started as root'
    : `${`user: ${user}`.padEnd(29)} # who we become after binding, where started as root`
}

function printAcl({ outside }: FirstConfig): string {
  if (outside) return '  inside: ["127.0.0.1", "::1"]'
  return '  inside: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "fc00::/7", localhost]'
}

function printRecursion(to: readonly string[]): string {
  return `    ${to.length === 0 ? '# ' : ''}recursion: [inside]${to.length === 0 ? '     ' : '       '}# who may have names resolved that are not ours\n`
}

function printForward(to: readonly string[]): string {
  if (to.length === 0)
    return '    # forward:\n    #   - { zone: ".", to: ["9.9.9.9", "tls://1.1.1.1#cloudflare-dns.com"] }\n\n'
  return `    forward:                  # the longest zone that fits decides\n      - { zone: ".", to: ${quoted(to)} }\n\n`
}

function printOutside(domain: string): string {
  return `  - name: outside             # everybody else sees another zone of the same name
    match: { clients: [any] }
    zones:
      - { name: ${domain}, file: zones/${domain}.outside.zone }

`
}
