import { Class } from '../../dns/codes.ts'
import { ROOT } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Cancellation } from '../cancellation.ts'
import type { Route } from '../routes/route.ts'
import type { Server } from '../upstreams/server.ts'
import type { UpstreamSet } from '../upstreams/upstream-set.ts'

/** What one upstream says when it is asked for the root's keys with their signatures. */
export interface RootProbe {
  /** As in logs: "tls://192.0.2.1:853". */
  upstream: string
  /** Absent where it did not answer. */
  answer?: readonly ResourceRecord[]
  failure?: string
}

/** A route whose upstreams are known. */
export type ProbedRoute = Route & { upstreams: UpstreamSet }

/** Asks every upstream of these routes by itself, past all caches: what RFC 5011 §2.3 calls an active refresh. */
export async function probeRoot(routes: readonly ProbedRoute[], cancellation: Cancellation): Promise<RootProbe[]> {
  const question = {
    ...{ name: ROOT, type: Type.DNSKEY, class: Class.IN },
    ...{ recursionDesired: true, dnssecOk: true, checkingDisabled: true },
  }
  const probes = routes.map(async route => {
    const servers = await route.upstreams.ready()
    const probe = async (server: Server): Promise<RootProbe> => {
      const others = new Set(servers.filter(other => other !== server))
      const outcome = await route.ask(question, cancellation, others)
      const upstream = server.label
      if (outcome.kind === 'failed') return { upstream, failure: outcome.error.text }
      return { upstream, answer: outcome.found.answer }
    }
    return Promise.all(servers.map(probe))
  })
  return (await Promise.all(probes)).flat()
}
