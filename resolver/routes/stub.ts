import { type Name, nameKey, printName } from '../../dns/name.ts'
import type { UpstreamSet } from '../upstreams/upstream-set.ts'
import { type DescentContext, descend } from './descent.ts'
import type { Route } from './route.ts'

/** Asks the authoritative servers of a stub zone, RD clear, and follows their delegations below it. */
export function createStubRoute(
  zone: Name,
  upstreams: UpstreamSet,
  validated: boolean,
  context: DescentContext,
): Route & { upstreams: UpstreamSet } {
  const servers = upstreams.known()
  return {
    zone,
    label: printName(zone),
    upstreams,
    scope: `stub ${nameKey(zone)}`,
    recursive: false,
    validated,
    down: () => servers.every(server => server.down),
    ask: (question, cancellation, avoiding) =>
      descend({ zone, servers, names: [], known: zone }, question, cancellation, context, avoiding),
  }
}
