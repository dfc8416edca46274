import type { RecordDiff } from './zones.ts'

/** Zones and records as the HTTP API shows and takes them. */

/** A zone in the list of all zones. */
export interface ListedZone {
  view: string
  zone: string
  kind: 'primary' | 'secondary' | 'overlay'
  /** The view of its base, of an overlay. */
  overlay_of?: string
  dynamic: boolean
  signed: boolean
  /** Null where nothing is served. */
  serial: number | null
  records: number
}

/** An RRset, data in master-file form; `holder` is whoever added the record, where somebody did. */
export interface ListedRRset {
  name: string
  type: string
  ttl: number
  records: { content: string; holder?: string }[]
}

/** RRsets of a zone, and how many there are of those that were searched for. */
export interface RRsetPage extends ListedZone {
  /** Whether it is changed here: not in a file, nor elsewhere. */
  editable: boolean
  found: number
  rrsets: ListedRRset[]
}

/** A change of one RRset, as PATCH of the PowerDNS API has it. */
export interface RRsetChange {
  name: string
  type: string
  ttl?: number
  changetype: 'REPLACE' | 'DELETE'
  records?: { content: string }[]
}

/** What came of changes, or would: a diff for each zone that takes them. */
export interface EditResult {
  zones: RecordDiff[]
  written: boolean
}
