import { type Name, printName } from '../../dns/name.ts'
import type { Server } from './server.ts'
import type { UpstreamSet } from './upstream-set.ts'

/** How an upstream fares, as one thread sees it. */
export interface UpstreamReport {
  /** Of the rule that names it. */
  zone: string
  /** "tls://192.0.2.1:853"; of one that is given by name and has no address yet, the name. */
  upstream: string
  state: 'up' | 'down' | 'not asked yet' | 'no address'
  /** Smoothed round-trip time in milliseconds. */
  round_trip?: number
  /** Questions outstanding now, asked, and left unanswered. */
  outstanding: number
  asked: number
  unanswered: number
  /** Why it is down. */
  reason?: string
}

export function reportUpstreams(zone: Name, { known, names }: UpstreamSet): UpstreamReport[] {
  const servers = known()
  const missing = servers.length === 0 ? names : []
  return [
    ...servers.map(server => reportServer(zone, server)),
    ...missing.map(name => ({
      zone: printName(zone),
      upstream: name,
      state: 'no address' as const,
      ...{ outstanding: 0, asked: 0, unanswered: 0 },
    })),
  ]
}

function reportServer(zone: Name, server: Server): UpstreamReport {
  const { roundTrip, outstanding, asked, unanswered, down, complaint } = server
  return {
    zone: printName(zone),
    upstream: server.label,
    state: down ? 'down' : roundTrip === undefined ? 'not asked yet' : 'up',
    ...(roundTrip !== undefined && { round_trip: Math.round(roundTrip * 10) / 10 }),
    outstanding,
    asked,
    unanswered,
    ...(down && complaint !== undefined && { reason: complaint }),
  }
}
