/** What the API says, as far as it is shown; `/api/openapi.json` describes the rest. Times are ISO 8601. */

export interface Session {
  name: string
  roles: ('read' | 'write' | 'admin')[]
  zones: string[]
  views?: string[]
  /** Whether the token is for all zones of all views. */
  everything: boolean
  /** Whether there is a CA. */
  ca: boolean
  server: string
}

export interface ZoneSummary {
  view: string
  zone: string
  kind: 'primary' | 'secondary' | 'overlay'
  overlay_of?: string
  dynamic: boolean
  signed: boolean
  serial: number | null
  records: number
}

export interface RRset {
  name: string
  type: string
  ttl: number
  records: { content: string; holder?: string }[]
}

export interface RRsetPage extends ZoneSummary {
  editable: boolean
  found: number
  rrsets: RRset[]
}

/** A change of one RRset, as PATCH of the PowerDNS API has it. */
export interface RRsetChange {
  name: string
  type: string
  ttl?: number
  changetype: 'REPLACE' | 'DELETE'
  records?: { content: string }[]
}

export interface RecordDiff {
  added: string[]
  deleted: string[]
}

export interface ZoneChange extends RecordDiff {
  serial: number
  serial_before: number
  at: string
  key?: string
  source: string
}

export interface Comparison {
  name: string
  views: { view: string; zone: string | null; serial: number | null; overlay_of?: string }[]
  differences: { view: string; record: string; from: string; absent: string }[]
}

export interface CertificateSummary {
  serial: string
  names: string[]
  profile: string
  status: 'valid' | 'expired' | 'revoked'
  not_before: string
  not_after: string
  account?: string
  revoked_at?: string
  reason?: string
}

export interface AuthorityCertificate {
  subject: string
  serial: string
  sha256: string
  not_before: string
  not_after: string
}

export interface RecordEntry {
  at: string
  kind: string
  [member: string]: unknown
}

export interface CertificateDetails extends CertificateSummary {
  issued_at: string
  sha256: string
  key_type: string
  certificate: string
  /** The issuer, and its own up to the root. */
  chain: AuthorityCertificate[]
  record: RecordEntry[]
}

export interface Order {
  id: string
  account: string
  names: string[]
  status: string
  created: string
  problem?: string
}

export interface Explanation {
  name: string
  type: string
  verdict: { finding: string; text: string }
  view?: string
  because: string
  source: string
  steps: string[]
  rcode: string
  answer: string[]
  notes: string[]
  zone?: { name: string; kind: string; serial: number | null }
  owner?: string
  changed?: { at: string; by: string; serial: number }
  elsewhere: { view: string; rcode: string; answer: string[]; same: boolean }[]
  certificates?: {
    certificates: CertificateSummary[]
    orders: Order[]
    refusals: { at: string; account?: string; because: string }[]
    rules: string[]
    caa: string
    challenge: { name: string; rcode: string; records: string[] }
    endpoints: { address: string; port: number; serial?: string; not_after?: string; problem?: string }[]
  }
}

export interface Who {
  key?: string
  from?: string[]
}

export interface ViewPolicy {
  name: string
  match: { clients: string[]; keys: string[]; destinations: string[]; doh_path?: string[] }
  recursion: string[]
  refuse: string[]
  forward: { zone: string; to: string[]; dnssec: string }[]
  zones: {
    zone: string
    update: (Who & { names: string[]; types: string[]; own: boolean })[]
    transfer: Who[]
    notify: string[]
  }[]
}

export interface IssuePolicies {
  issue: {
    names: string[]
    wildcards: boolean
    profiles?: string[]
    account?: string
    writers: boolean
    approval: boolean
  }[]
  profiles: { name: string; validity: number; keys: string[] }[]
}

export interface TsigKey {
  name: string
  algorithm: string
  secrets: number
  used_by: { view: string; zone: string }[]
}

export interface Token {
  id: string
  name: string
  zones: string[]
  roles: string[]
  views?: string[]
  from?: string[]
  created_at: string
  expires_at?: string
}

/** Rates per second. */
export interface Sample {
  at: number
  views: Record<string, Record<string, number>>
  latency: { half: number; p95: number; p99: number } | null
  updates: Record<string, number>
  cached: number | null
}

export interface Situation {
  at: string
  zones: { all: number; records: number; signed: number; unserved: { view: string; zone: string; why: string }[] }
  upstreams: {
    view: string
    zone: string
    upstream: string
    state: string
    round_trip?: number
    asked: number
    unanswered: number
    reason?: string
  }[]
  resolver: Record<string, number>
  top: Record<'names' | 'clients' | 'failures' | 'blocked', { key: string; count: number }[]> & { seconds: number }
  ca?: {
    day: Record<string, number>
    ending: { serial: string; names: string[]; not_after: string; failure?: string }[]
    authorities: { issuer: string; role: string; not_after: string }[]
  }
  backup?: string
}

export interface QueryLine {
  client: string
  transport: string
  view?: string
  name: string
  type: string
  rcode: string
  from: string
  ms: number
  upstream?: string
  policy?: string
}
