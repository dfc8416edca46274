import type { Top, UpstreamState } from './resolver.ts'

/** What goes on at this moment. Times in ISO 8601. */
export interface LiveState {
  at: string
  /** Of the last seconds; left out just after a start. Rates are per second. */
  sample?: {
    /** Answers by view and RCODE. */
    views: Record<string, Record<string, number>>
    /** Seconds within which half, 95 % and 99 % of the answers were given. */
    latency: { half: number; p95: number; p99: number } | null
    /** UPDATEs by RCODE. */
    updates: Record<string, number>
    /** The share of plain queries that the answer cache answered. */
    cached: number | null
  }
  zones: { all: number; records: number; signed: number; unserved: { view: string; zone: string; why: string }[] }
  upstreams: UpstreamState[]
  top: Top
  ca?: {
    /** Lines of its record by kind, of the last day. */
    day: Record<string, number>
    /** What ends next, and nobody has replaced yet. */
    ending: { serial: string; names: string[]; not_after: string; failure?: string }[]
  }
}
