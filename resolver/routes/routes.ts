import { type Name, printName, ROOT } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { Selection } from '../upstreams/selection.ts'
import { createUpstreamSet, type UpstreamAddress, type UpstreamSet } from '../upstreams/upstream-set.ts'
import { type BootstrapContext, createLookUp } from './bootstrap.ts'
import type { DescentContext } from './descent.ts'
import { createForwardRoute } from './forward.ts'
import type { Route } from './route.ts'
import { createRuleTable, type RuleTable } from './rules.ts'
import { createStubRoute } from './stub.ts'

/** A forward rule, as config decodes it. */
export interface ResolverRule {
  zone: Name
  to: readonly UpstreamAddress[]
  /** In which order they are asked; left out: as listed. */
  select?: Selection
  /** Who is asked for the addresses of upstreams that are given by name. */
  bootstrap?: readonly SocketAddress[]
  /** Whether clients' subnets are passed on (RFC 7871). */
  client_subnet?: boolean
  /** Whether what they say is validated. */
  dnssec?: 'off' | 'validate'
}

/** A zone whose authoritative servers are to be asked directly. */
export interface StubRule {
  zone: Name
  to: readonly SocketAddress[]
  /** Whether what they say is validated as far as trust reaches; left out: it is. */
  dnssec?: 'off' | 'validate'
}

/** A route that a rule makes. */
export type RuledRoute = Route & { upstreams: UpstreamSet }

/** The routes of all rules. */
export interface Routes {
  table: RuleTable<RuledRoute>
  /** Those of forward rules. */
  forward: readonly RuledRoute[]
}

/** What routes are made from. */
export interface RoutesOptions {
  rules: readonly ResolverRule[]
  stubs: readonly StubRule[]
  /** Names that the caller answers from its own zones. */
  ownName: (name: Name) => boolean
  /** Where this daemon itself listens. */
  own: readonly SocketAddress[]
  descent: DescentContext
  bootstrap: BootstrapContext
  log: Log
}

export function createRoutes(options: RoutesOptions): Routes {
  const { rules, stubs, ownName, descent } = options
  const mine = (owner: Name, route: Route): boolean => table.find(owner) === route && !ownName(owner)
  const forward = rules.map(rule => {
    const { zone, select: selection = 'order', client_subnet: passesSubnet = false } = rule
    const made = { zone, upstreams: upstreamsOf(rule, options), selection, passesSubnet }
    return createForwardRoute({ ...made, validated: rule.dnssec === 'validate' }, mine, descent)
  })
  const stub = stubs.map(({ zone, to, dnssec }) => {
    const servers = to.map(at => ({ ...at, transport: 'udp' as const }))
    return createStubRoute(zone, upstreamsOf({ zone, to: servers }, options), dnssec !== 'off', descent)
  })
  const table = createRuleTable<RuledRoute>([...forward, ...stub])
  return { table, forward }
}

/** The routes by which the root's keys are found: the root's own, else each that validates. */
export function keyRoutes({ table, forward }: Routes): readonly RuledRoute[] {
  const root = table.find(ROOT)
  const validated = forward.filter(route => route.validated)
  return root && validated.length > 0 ? [root] : validated
}

/** The upstreams of a rule but for this server itself. */
function upstreamsOf({ zone, to, bootstrap = [] }: ResolverRule, options: RoutesOptions): UpstreamSet {
  const isOwn = (at: UpstreamAddress) => 'address' in at && options.own.some(own => sameSocket(own, at))
  for (const at of to.filter(isOwn))
    options.log.error(
      { zone: printName(zone), upstream: 'address' in at && at.address, port: at.port },
      'a forward rule leads to this server itself; that upstream is not used',
    )
  return createUpstreamSet(
    to.filter(at => !isOwn(at)),
    options.bootstrap.server,
    createLookUp(bootstrap, options.bootstrap),
    options.bootstrap.clock,
  )
}

/** A wildcard listener takes what is sent to any loopback address. */
function sameSocket(own: SocketAddress, at: SocketAddress): boolean {
  if (own.port !== at.port) return false
  const wildcard = own.address === '0.0.0.0' || own.address === '::'
  return own.address === at.address || (wildcard && (at.address.startsWith('127.') || at.address === '::1'))
}
