/** Who may do what, as the configuration says it, and how keys are used. Times in ISO 8601. */

/** A TSIG key without its secrets. What it did is counted since the daemon was started. */
export interface TsigKey {
  name: string
  algorithm: string
  /** How many hold; the first signs. */
  secrets: number
  /** Zones whose rules name it, and for what. */
  zones: { view: string; zone: string; for: ('update' | 'transfer' | 'notify' | 'primary')[] }[]
  /** Views that it leads to. */
  views: string[]
  /** Requests that verified. */
  requests: number
  last_use?: KeyUse
  /** With a secret that is being rotated out: while that goes on, it must stay. */
  old_secret: { requests: number; last_use?: KeyUse }
  /** Requests in its name that did not verify, by the error of RFC 8945 §5.2. */
  failures: Record<string, number>
  last_failure?: KeyUse
}

/** When a key was used last, and from where. */
export interface KeyUse {
  at: string
  from: string
}

/** A token of the HTTP API, without its secret. */
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

/** Who is signed in to the dashboard, or asks the API, and for what. */
export interface Session extends ApiToken {
  /** Whether the token is for all zones of all views. */
  everything: boolean
  /** Whether there is a CA. */
  ca: boolean
  server: string
}

/** A session of the dashboard that is over. */
export interface SessionEnd {
  /** Where the browser ends the login that the session came from; null where there is nothing to end. */
  onward: string | null
}

/** A key that binds ACME accounts (RFC 8555 §7.3.4), without its secret. */
export interface AccountBinding {
  kid: string
  name: string
  created_at: string
  revoked_at?: string
}

/** A view: for whom it is, what it forwards, who may change and transfer its zones. */
export interface ViewPolicy {
  name: string
  match: { clients: string[]; keys: string[]; destinations: string[]; doh_path?: string[] }
  recursion: string[]
  refuse: string[]
  forward: { zone: string; to: string[]; dnssec: string }[]
  zones: {
    zone: string
    update: (Requester & { names: string[]; types: string[]; own: boolean })[]
    transfer: Requester[]
    notify: string[]
  }[]
}

/** For whom a rule is: all that it names must hold. */
export interface Requester {
  key?: string
  from?: string[]
}

/** Who may have which certificate. */
export interface IssuePolicies {
  issue: {
    names: string[]
    wildcards: boolean
    profiles?: string[]
    account?: string
    writers: boolean
    approval: boolean
  }[]
  /** Validities in milliseconds. */
  profiles: { name: string; validity: number; keys: string[] }[]
}
