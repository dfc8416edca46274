import { Class } from '../../dns/codes.ts'
import { ROOT } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { printServer } from '../explain.ts'
import type { ForwardRoute } from '../forward.ts'

/** What one upstream says when it is asked for the root's keys with their signatures. */
export interface RootProbe {
  /** As in logs: "tls://192.0.2.1:853". */
  upstream: string
  /** Absent where it did not answer. */
  answer?: readonly ResourceRecord[]
  failure?: string
}

/** Asks every upstream of these routes by itself, past all caches: what RFC 5011 §2.3 calls an active refresh. */
export function probeRoot(routes: readonly ForwardRoute[], signal: AbortSignal): Promise<RootProbe[]> {
  const question = {
    ...{ name: ROOT, type: Type.DNSKEY, class: Class.IN },
    ...{ recursionDesired: true, dnssecOk: true, checkingDisabled: true },
  }
  const probes = routes.flatMap(route =>
    route.servers.map(async (server): Promise<RootProbe> => {
      const others = new Set(route.servers.filter(other => other !== server))
      const outcome = await route.ask(question, signal, others)
      const upstream = printServer(server)
      if (outcome.kind === 'failed') return { upstream, failure: outcome.error.text }
      return { upstream, answer: outcome.found.answer }
    }),
  )
  return Promise.all(probes)
}
