import type { Name } from './name.ts'

/** A resource record (RFC 1035 §3.2.1). RDATA is always uncompressed wire form; `types.ts` reads it as fields or as text. */
export interface ResourceRecord {
  owner: Name
  type: number
  class: number
  /** Seconds, 0 to 2^31-1 (RFC 2181 §8). */
  ttl: number
  rdata: Uint8Array
}

/** All records of one owner, type and class (RFC 2181 §5), with one TTL. */
export interface RRset {
  owner: Name
  type: number
  ttl: number
  rdatas: Uint8Array[]
}
