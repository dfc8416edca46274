import type { Top, UpstreamState } from './resolver.ts'

/** What goes on at this moment, for who asks once: the last sample is left out just after a start. */
export interface LiveState extends Situation {
  sample?: Sample
}

/** What happened in a short while, by the counters of all threads; rates are per second. */
export interface Sample {
  /** Milliseconds since 1970. */
  at: number
  /** Answers by view and RCODE; what is not zero. */
  views: Record<string, Record<string, number>>
  /** Seconds within which half, 95 % and 99 % of the answers were given; null where there were none. */
  latency: { half: number; p95: number; p99: number } | null
  /** UPDATEs by RCODE. */
  updates: Record<string, number>
  /** The share of plain queries that the answer cache answered; null where there were none. */
  cached: number | null
}

/** What of the daemon somebody at a glance wants to know, and changes slowly. Times in ISO 8601. */
export interface Situation {
  at: string
  zones: { all: number; records: number; signed: number; unserved: { view: string; zone: string; why: string }[] }
  upstreams: UpstreamState[]
  resolver: Record<string, number>
  top: Top
  /** Absent without a CA. */
  ca?: {
    /** Lines of its record by kind, of the last day. */
    day: Record<string, number>
    /** What ends next, and nobody has replaced yet. */
    ending: { serial: string; names: string[]; not_after: string; failure?: string }[]
    authorities: { issuer: string; role: string; not_after: string }[]
    /** Names that wait for a person. */
    waiting: number
  }
  /** When the newest backup was taken. */
  backup?: string
}

/** An answered query as the query log and whoever watches has it. */
export interface QueryLine {
  client: string
  transport: string
  view?: string
  name: string
  type: string
  rcode: string
  from: AnswerSource
  /** Milliseconds that the answer took. */
  ms: number
  rule?: string
  upstream?: string
  security?: string
  policy?: string
  ede?: number
}

/** Where an answer came from. */
export type AnswerSource = 'zones' | 'answer cache' | 'cache' | 'upstream' | 'stale' | 'local'
