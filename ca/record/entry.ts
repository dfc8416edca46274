/** What happened. */
export type RecordKind =
  | 'account'
  | 'approval'
  | 'binding'
  | 'call'
  | 'crl'
  | 'enrolment'
  | 'failed'
  | 'issued'
  | 'policy'
  | 'refused'
  | 'revoked'

/** A line of the record. Members hold JSON; what explains the line later stands in it, for orders and history are cleaned up sooner. */
export interface RecordEntry {
  kind: RecordKind
  /** Milliseconds since 1970. */
  at: number
  /** Of the certificate that it is about. */
  serial?: string
  [member: string]: unknown
}

/** The change of a zone by which a record came into being. */
export interface DnsChange {
  view: string
  zone: string
  /** The zone's serial since then; absent where history does not reach so far back. */
  serial?: number
  /** RFC 3339. */
  at?: string
  /** The TSIG key that made the record. */
  key?: string
  /** Address or place where the change came from. */
  source?: string
}

/** What proved control of one identifier. */
export interface Evidence {
  identifier: string
  method: string
  /** RFC 3339. */
  validated: string
  /** The record as a line of a zone file. */
  record?: string
  /** The host that answered. */
  host?: string
  change?: DnsChange
}

/** The text of an entry, as it is hashed and exported: one line of JSON. */
export function entryText({ kind, at, ...members }: RecordEntry): string {
  return JSON.stringify({ at: new Date(at).toISOString(), kind, ...members })
}
