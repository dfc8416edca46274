import { printAddress } from '../../config/address.ts'
import { Class } from '../../dns/codes.ts'
import { lowerName, parseName, ROOT } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { createParts } from '../parts.ts'
import type { Server, ServerAddress } from '../upstreams/server.ts'
import { createUpstreamSet, type LookUp } from '../upstreams/upstream-set.ts'
import { createForwardRoute } from './forward.ts'
import type { RouteContext } from './route.ts'

/** What looking up the names of upstreams needs. */
export interface BootstrapContext {
  clock: Clock
  route: RouteContext
  parts: ReturnType<typeof createParts>
  server: (at: ServerAddress) => Server
}

/** Addresses of upstreams are looked up again after so many seconds at most. */
const LONGEST = 3600
const TYPES: readonly number[] = [Type.A, Type.AAAA]
const noLookUp: LookUp = async () => ({ addresses: [], seconds: 0 })

/** Resolves names of upstreams by asking the bootstrap servers of their rule, by the cache where that has them. */
export function createLookUp(bootstrap: readonly SocketAddress[], context: BootstrapContext): LookUp {
  const { clock, parts } = context
  const servers = bootstrap.map(at => ({ ...at, transport: 'udp' as const }))
  const upstreams = createUpstreamSet(servers, context.server, noLookUp, clock)
  const rule = { zone: ROOT, upstreams, selection: 'order' as const, scope: 'bootstrap' }
  const route = createForwardRoute(rule, () => true, context.route)
  return async name => {
    const until = clock.monotonic() + context.route.limits.patience
    const of = { name: lowerName(parseName(name)), class: Class.IN }
    const plain = { recursionDesired: true, dnssecOk: false, checkingDisabled: false }
    const found = await Promise.all(TYPES.map(type => parts.part(route, { ...of, type, ...plain }, until)))
    const records = found.flatMap(part => (part.kind === 'part' ? part.answer : []))
    const addresses = records.filter(({ type }) => TYPES.includes(type))
    return {
      addresses: addresses.map(({ rdata }) => printAddress(rdata)),
      seconds: Math.min(LONGEST, ...addresses.map(({ ttl }) => ttl)),
    }
  }
}
