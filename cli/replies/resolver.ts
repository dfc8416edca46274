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
  /** "zone type rdata", as in a zone file. */
  anchors: string[]
  /** The root's keys by RFC 5011: "38696 valid since …". */
  root_keys: string[]
  negative: NegativeTrustAnchor[]
  /** What keeps answers from being validated; each is logged once. */
  problems: string[]
}
