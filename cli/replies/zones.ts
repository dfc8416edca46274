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

/** Records that come and go, in master-file form. */
export interface RecordDiff {
  added: string[]
  deleted: string[]
}

/** A change of a zone. */
export interface ZoneChange extends RecordDiff {
  serial: number
  serial_before: number
  at: string
  /** The TSIG key that asked for it, or `token:NAME`. */
  key?: string
  /** An address, "file", "import", a user. */
  source: string
}

/** What two views see of a name and all below it, where that differs. */
export interface Comparison {
  name: string
  views: { view: string; zone: string | null; serial: number | null; overlay_of?: string }[]
  differences: Difference[]
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
