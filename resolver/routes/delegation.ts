import { nameKey, printName } from '../../dns/name.ts'
import type { Server } from '../upstreams/server.ts'
import { cutOf, type Delegation, type DescentContext, descend } from './descent.ts'
import type { Route } from './route.ts'

export type { Delegation } from './descent.ts'

/** Asks the servers of a delegation of our own zones, and follows their referrals below it. */
export function createDelegationRoute(top: Delegation, context: DescentContext): Route {
  let servers: readonly Server[] = []
  return {
    zone: top.cut,
    label: printName(top.cut),
    scope: nameKey(top.cut),
    recursive: false,
    validated: true,
    down: () => servers.length > 0 && servers.every(server => server.down),
    async ask(question, cancellation, avoiding) {
      const cut = await cutOf(top, context)
      servers = cut.servers
      return descend(cut, question, cancellation, context, avoiding)
    },
  }
}
