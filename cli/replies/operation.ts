import type { UpstreamState, Validation } from './resolver.ts'

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
  /** Whom names are forwarded to, and how they fare. */
  upstreams?: UpstreamState[]
  ca?: { directory: string; root_sha256: string }
  /** Where a forward rule has its answers validated. */
  validation?: Validation
}

/** What a reload did. */
export interface Reload {
  changed: string[]
  /** Top-level keys that changed but need a restart. */
  restart: string[]
  warnings: string[]
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

/** What is seen from outside: names as their users meet them, zones as others serve them. */
export interface Watched {
  /** Below the layer that failed nothing was looked at. */
  probes: {
    name: string
    port: number
    /** ISO 8601. */
    at: string
    layers: { layer: 'dns' | 'tls' | 'certificate'; ok: boolean; what: string; milliseconds: number }[]
  }[]
  /** `own` is the serial served here. */
  secondaries: { view: string; zone: string; secondary: string; serial?: number; own?: number; problem?: string }[]
  /** `problem` where the parent has it otherwise than the zone, `unknown` where it could not be asked. */
  delegations: { view: string; zone: string; parent: string; problem?: string; unknown?: string }[]
}
