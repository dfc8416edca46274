/** What the daemon answers on its control socket, command by command: the one place that both sides look at. */
export interface Replies {
  /** `{}` */
  status: Status
  /** `{}`; a bad config is refused whole (exit 2) and the old one keeps running. */
  reload: Reload
  /** `{}`; answered once the daemon has begun to drain. */
  stop: null
  /** `{}` */
  'zone.list': ZoneSummary[]
  /** `{ zone, view? }`: the zone's name as text; `view` where several have one of that name. */
  'zone.show': ZoneDetails
  /** `{ zone, view? }` */
  'zone.export': { zone: string; view: string; serial: number; text: string }
  /** `{ zone, view? }` */
  'zone.dnssec': ZoneDnssec
  'zone.dnssec.rollover': ZoneKeys
  'zone.dnssec.ds-seen': ZoneKeys
  'zone.dnssec.import': ZoneKeys
  /** `{ zone, view? }`: its primaries are asked at once. */
  'zone.refresh': { zone: string; view: string; primaries: string[] }
  /** `{ zone, view? }`: a secondary becomes its own primary, with what it has. */
  'zone.promote': { zone: string; view: string; serial: number }
  /** `{ zone, view?, serial }`: the zone as it was when it last had this serial. */
  'zone.at': { zone: string; view: string; serial: number; text: string }
  /** `{ zone, view?, limit? }`: the newest first; 20 where no limit is given. */
  'zone.history': ZoneChange[]
  /** `{ zone, view?, to }`: the zone becomes what it was, under a new serial. */
  'zone.revert': {
    zone: string
    view: string
    serial: number
    added: number
    deleted: number
    /** Of a dry run: what would come and go. */
    change?: { added: string[]; deleted: string[] }
  }
  /** `{ zone, view?, to }`: the zone becomes what it was at this time (ISO 8601), when its serial was `as_of`. */
  'zone.restore': { zone: string; view: string; serial: number; added: number; deleted: number; as_of: number }
  /** `{ name, views }`: of two views, and of this name and all below it. */
  'zone.diff': {
    name: string
    views: { view: string; zone: string | null; serial: number | null; overlay_of?: string }[]
    differences: Difference[]
  }
  /** `{ zone, view?, text, file }`: the zone becomes what the master file says; `file` is for messages. */
  'zone.import': { zone: string; view: string; serial: number; added: number; deleted: number }
  /** `{}` */
  'ca.show': CaDetails
  /** `{}` */
  'ca.roots': RootCertificate[]
  /** `{ names, profile?, issuer? }`: key and certificate, for when nothing else works. */
  'ca.issue': IssuedCertificate & { key: string }
  /** `{ csr, profile?, issuer? }`: the request in PEM. */
  'ca.sign': IssuedCertificate
  /** `{ serial }` in hex or `{ certificate }` in PEM; `reason?` as RFC 5280 §5.3.1 names it. */
  'ca.revoke': { serial: string; revoked_at: string; reason: string }
  /** `{ all?, name?, account?, after?, limit? }`: at most 1000; without `all` only those that are neither expired nor revoked. */
  'ca.list': CertificateSummary[]
  /** `{ where: { account?, name?, key?, profile? }, reason?, dry_run? }` → what was, or would be, revoked. */
  'ca.revoke.where': CertificateSummary[]
  /** `{ days? }` → what ends within so many days, soonest first. */
  'ca.expiring': EndingCertificate[]
  /** `{ all? }` → names that wait for a person. */
  'ca.approvals': Approval[]
  /** `{ id, deny?, days? }` */
  'ca.approve': Approval
  /** `{ since, until? }` in ISO 8601 → what happened, in order; members by kind. */
  timeline: { at: string; kind: string; [member: string]: unknown }[]
  'ca.log.head': TreeHead & { public_key: string }
  /** `{ head? }`, "SIZE:ROOT" of one kept elsewhere; fails where anything is wrong. */
  'ca.log.verify': TreeHead & { entries: number; forgotten: number; heads: number }
  /** `{ serial }` → the entry and the way from its hash to the root. */
  'ca.log.prove': TreeHead & { entry: string; leaf: string; index: number; path: string[] }
  /** `{ after?, limit? }` → lines of the record in order. */
  'ca.log.entries': RecordLine[]
  /** `{ issuer? }`: the next intermediate, which signs from then on. */
  'ca.renew-intermediate': CertificateAuthority
  /** `{ issuer?, certificate }`: an intermediate that an offline root has signed, in PEM. */
  'ca.import': CertificateAuthority
  /** `{ name }`: a key that binds ACME accounts (RFC 8555 §7.3.4); shown this once. */
  'ca.eab.create': { kid: string; name: string; hmac_key: string }
  /** `{}` */
  'ca.eab.list': { kid: string; name: string; created_at: string; revoked_at?: string }[]
  /** `{ kid }` */
  'ca.eab.revoke': { kid: string }
  /** `{}` */
  'cache.show': { entries: number; octets: number; size: number }
  /** `{ name?, subtree?, view? }`: answers taken out of the resolver cache, all where no name is given. */
  'cache.flush': { name?: string; subtree: boolean; removed: number }
  /** `{}`: the resolvers of all threads together. */
  resolver: ResolverState
  /** `{}`: what was most frequent in the last minutes; counts are estimates. */
  top: Top
  'nta.list': NegativeTrustAnchor[]
  /** `{ name, seconds?, why? }`: an hour where it is not said, a week at most. */
  'nta.add': NegativeTrustAnchor
  /** `{ name }`: one that a command has made. */
  'nta.remove': { zone: string }
  /** `{ zones, roles?, views?, from?, name?, expires? }`: lists, or texts with commas; the token is shown this once. */
  'token.create': ApiToken & { token: string }
  /** `{}` */
  'token.list': ApiToken[]
  /** `{ name }`: its name or id. */
  'token.revoke': ApiToken
  /** `{ name, below?, reason? }`; `left` says what could not be taken out. */
  'quarantine.set': Quarantined & { left: string[] }
  /** `{ name }`; `left` says what could not be put back. */
  'quarantine.undo': Quarantined & { left: string[] }
  /** `{}` */
  'quarantine.list': Quarantined[]
  /** `{ file, passphrase?, recipients? }`: an absolute path; progress as `{ what, share }`. */
  backup: { file: string; size: number; encrypted: boolean }
  /** `{ name, type, from?, key? }` */
  explain: Explanation
  /** `{ name, from?, key?, updates }`: a dry run; each update as nsupdate takes it. */
  'explain.update': UpdateExplanation
}

/** What is frequent, most frequent first. Names stand with their type: "www.example. A". */
export interface Top {
  /** How far back it looks. */
  seconds: number
  names: TopEntry[]
  clients: TopEntry[]
  /** Answered SERVFAIL. */
  failures: TopEntry[]
  /** Kept from upstreams, or changed by a response policy. */
  blocked: TopEntry[]
}

export interface TopEntry {
  key: string
  count: number
}

/** How the resolver fares. */
export interface ResolverState {
  counters: Record<string, number>
  upstreams: UpstreamState[]
}

/** How an upstream fares, as the thread sees it that is worst off with it; counts are of all threads. */
export interface UpstreamState {
  view: string
  /** Of the rule that names it. */
  zone: string
  upstream: string
  state: 'up' | 'down' | 'not asked yet' | 'no address'
  /** Smoothed round-trip time in milliseconds. */
  round_trip?: number
  outstanding: number
  asked: number
  unanswered: number
  /** Why it is down. */
  reason?: string
}

/** The daemon at a glance. */
export interface Status {
  version: string
  pid: number
  /** ISO 8601. */
  started: string
  ready: boolean
  config: string
  /** What was bound, by listener: "127.0.0.1:53". */
  listen: Record<string, string[]>
  workers: number
  zones: number
  /** Shown as they come: counters of queries, updates, certificates. */
  counters?: Record<string, number>
  /** Whom names are forwarded to, and how they fare. */
  upstreams?: UpstreamState[]
  ca?: { directory: string; root_sha256: string }
  /** Where a forward rule has its answers validated. */
  validation?: Validation
}

/** A zone that is taken for unsigned for a while (RFC 7646). */
export interface NegativeTrustAnchor {
  zone: string
  /** ISO 8601. */
  until: string
  why?: string
  source: 'config' | 'command'
}

/** How the validation of answers stands. */
export interface Validation {
  /** Trust anchors as DS and DNSKEY records. */
  anchors: string[]
  /** The root's keys as they are followed (RFC 5011). */
  root_keys: string[]
  negative: NegativeTrustAnchor[]
  /** What keeps answers from being validated. */
  problems: string[]
}

/** What a reload did. */
export interface Reload {
  changed: string[]
  /** Top-level keys that changed but need a restart. */
  restart: string[]
  warnings: string[]
}

/** A zone in a list. */
export interface ZoneSummary {
  view: string
  zone: string
  type: 'primary' | 'secondary'
  dynamic: boolean
  /** The view of its base, of an overlay. */
  overlay_of?: string
  /** Null where nothing is served: a secondary that was never transferred, or has expired. */
  serial: number | null
  records: number
}

/** A zone by itself. */
export interface ZoneDetails extends ZoneSummary {
  file?: string
  update_keys: string[]
  transfer_keys: string[]
  secondary?: SecondaryDetails
  /** Who changed it last, where that is known. */
  last_change?: { at: string; by: string; serial: number }
}

/** How a zone stands as validators see it; times in ISO 8601. */
export interface ZoneDnssec {
  zone: string
  view: string
  /** How absence is proved; "none" where the zone is not signed. */
  proofs: 'none' | 'nsec' | 'nsec3'
  keys: ZoneKey[]
  /** Lines of a master file for the parent zone. */
  ds: string[]
  /** The key is not of use to everybody yet: the parent must not have its DS before CDS says so. */
  ds_too_early?: boolean
  /** Whether the parent's DS is not what it is to be, or nobody has said so yet. */
  waiting_for_parent?: boolean
  /** When time alone lets the keys move on. */
  next_step?: string
  signatures: number
  first_end?: string
  last_end?: string
}

/** A key of a zone; more is known of those that we sign with. */
export interface ZoneKey {
  key_tag: number
  algorithm: string
  flags: number
  role?: 'csk' | 'ksk' | 'zsk'
  /** RFC 7583 §3.1. */
  stage?: 'generated' | 'published' | 'ready' | 'active' | 'retired' | 'removed'
  created?: string
  /** What happens to it next, and when, where time alone decides. */
  next?: string
  next_at?: string
}

/** The tags of a zone's keys. */
export interface ZoneKeys {
  zone: string
  keys: number[]
}

/** How a secondary zone stands; times in ISO 8601. */
export interface SecondaryDetails {
  /** "address:port", in the order in which they are asked. */
  primaries: string[]
  state: 'current' | 'refreshing' | 'never transferred' | 'expired'
  /** When it was last known to be what the primaries have. */
  checked?: string
  next_refresh?: string
  /** When it is not served any more, unless a primary is reached until then. */
  expires?: string
}

/** A change of a zone: records in master-file form. */
export interface ZoneChange {
  serial: number
  serial_before: number
  at: string
  /** The TSIG key that asked for it, or `token:NAME`. */
  key?: string
  /** An address, "file", "import", a user. */
  source: string
  added: string[]
  deleted: string[]
}

/** A record that one of two views has and the other has not. */
export interface Difference {
  view: string
  record: string
  /** Whose it is. */
  from: string
  /** Why the other view has it not. */
  absent: string
}

/** A name that is out of DNS and gets no certificates. */
export interface Quarantined {
  name: string
  /** Whether all names below it are, too. */
  below: boolean
  reason: string
  /** ISO 8601. */
  at: string
  /** Those that were taken out, in master-file form. */
  records: string[]
  /** Serials of the certificates that were revoked. */
  revoked: string[]
}

/** A token of the HTTP API, without its secret; times in ISO 8601. */
export interface ApiToken {
  id: string
  name: string
  /** Name patterns of the apexes it is for. */
  zones: string[]
  roles: string[]
  /** Left out: all. */
  views?: string[]
  /** Left out: anywhere. */
  from?: string[]
  created_at: string
  expires_at?: string
}

/** The CA at a glance; certificates as `sha256` in upper-case hex with colons. */
export interface CaDetails {
  name: string
  directory: string
  root: CertificateAuthority
  /** Absent until the first of an offline root was brought in. */
  intermediate?: CertificateAuthority
  profiles: string[]
  /** Certificates that are neither expired nor revoked. */
  active: number
}

/** A CA certificate. */
export interface CertificateAuthority {
  subject: string
  serial: string
  sha256: string
  not_before: string
  not_after: string
}

/** A certificate that ends soon; times in ISO 8601. */
export interface EndingCertificate {
  serial: string
  names: string[]
  profile: string
  not_after: string
  days: number
  account?: string
  /** Serial of its successor. */
  replaced_by?: string
  /** Why the last try to renew it failed. */
  failure?: { at: string; type: string; detail: string }
}

/** A name that waits, or waited, for a person. */
export interface Approval {
  id: string
  issuer: string
  account: string
  name: string
  because: string
  status: 'waiting' | 'approved' | 'denied'
  requested_at: string
  until?: string
}

/** The signed head of the record (RFC 9162 §4.10): hashes in hex, the signature in base64. */
export interface TreeHead {
  size: number
  at: string
  /** Milliseconds since 1970, as it is signed. */
  timestamp: number
  root: string
  signature: string
}

/** A line of the record; of one whose text is no longer kept, its hash. */
export interface RecordLine {
  seq: number
  entry?: { at: string; kind: string; [member: string]: unknown }
  forgotten?: string
}

/** A root with its certificate in PEM. */
export interface RootCertificate {
  subject: string
  serial: string
  sha256: string
  not_before: string
  not_after: string
  certificate: string
}

/** What was issued: the chain in PEM, leaf first, without the root. */
export interface IssuedCertificate {
  serial: string
  not_after: string
  certificate: string
}

/** A certificate in a list. */
export interface CertificateSummary {
  serial: string
  names: string[]
  profile: string
  not_before: string
  not_after: string
  status: 'valid' | 'expired' | 'revoked'
}

/** What a client gets for a name, and from where. */
export interface Explanation {
  name: string
  type: string
  /** What is wrong, in a sentence, or the data where nothing is; `finding` names its kind, "fine" where nothing is wrong. */
  verdict: { finding: string; text: string }
  /** Absent where no view matches. */
  view?: string
  /** Why this view: "client 127.0.0.1 is in its clients". */
  because: string
  /** The zone that answers, or the forward rule. */
  source: string
  /** What each zone on the way said, in order. */
  steps: string[]
  rcode: string
  /** Records in master-file form. */
  answer: string[]
  /** Lines that tell the rest: where the resolver had it from, validation, refusal. */
  notes: string[]
  zone?: { name: string; kind: 'primary' | 'secondary' | 'overlay'; serial: number | null }
  /** The TSIG key that added the records, where one did. */
  owner?: string
  /** The last change at the name that the zone's history knows; `at` in ISO 8601. */
  changed?: { at: string; by: string; serial: number }
  /** What the zones of other views say; `same` where that is what the client gets. */
  elsewhere: { view: string; rcode: string; answer: string[]; same: boolean }[]
  /** Where there is a CA, and the name could be in a certificate. Times are RFC 3339. */
  certificates?: {
    certificates: {
      serial: string
      names: string[]
      profile: string
      not_before: string
      not_after: string
      status: string
    }[]
    orders: { id: string; account: string; names: string[]; status: string; created: string; problem?: string }[]
    refusals: { at: string; account?: string; because: string }[]
    /** The issue rules that cover the name. */
    rules: string[]
    caa: string
    /** What a dns-01 challenge would find now. */
    challenge: { name: string; rcode: string; records: string[] }
    /** What the name's hosts show over TLS. */
    endpoints: {
      address: string
      port: number
      serial?: string
      names?: string[]
      not_after?: string
      problem?: string
    }[]
  }
}

/** Whether a client would be allowed to update, and by which rule. */
export interface UpdateExplanation {
  name: string
  /** Absent where no view matches. */
  view?: string
  because?: string
  zone?: string
  allowed: boolean
  rcode: string
  /** Names the rule that says no. */
  reason: string
  /** With the number of the rule that allows each, where all are allowed. */
  updates: { update: string; rule?: number }[]
  /** Allowed, and without effect (RFC 2136 §3.4.2). */
  ignored: string[]
  /** Records that would come and go. */
  added: number
  deleted: number
}
