import { createHash } from 'node:crypto'
import type { CacheConfig, ViewConfig } from '../../config/schema.ts'
import { equalNames, isSubdomain, type Name } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Network, SocketAddress } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { PARTITION_LENGTH } from '../../resolver/cache/cache.ts'
import type { CacheMemory } from '../../resolver/cache/cache-memory.ts'
import { DEFAULT_LIMITS, type ResolverLimits } from '../../resolver/limits.ts'
import { createResolver, type Resolver, type ResolverOptions } from '../../resolver/resolver.ts'
import type { Trust } from '../../resolver/validate/anchors.ts'
import type { ServingConfig } from '../threads/messages.ts'

/** What the resolvers of all views share. */
export interface ResolverDeps {
  network: Network
  clock: Clock
  random: Random
  log: Log
  /** Where we listen ourselves. */
  own: readonly SocketAddress[]
  memory: CacheMemory
  /** By which questions that come back to us are known. */
  id: Uint8Array
}

/** All of the configuration that a view's resolver is made from: where it is the same, so is the resolver. */
export interface ResolverConfig {
  view: string
  rules: ViewConfig['forward']
  stubs: NonNullable<ViewConfig['stub']>
  limits: Partial<ResolverLimits>
  internal?: Name[]
  mayBePrivate?: Name[]
  /** Where answers may be validated, by a rule, a stub zone, or the DS of a delegation of ours: what that begins with. */
  trust?: Trust
}

/** What a resolver asks the zones of its view. */
export type OwnZones = Required<Pick<ResolverOptions, 'ownName' | 'ownSigners'>>

export function resolverConfigOf(view: ViewConfig, config: ServingConfig): ResolverConfig {
  const { rebinding_protection: rebinding } = view
  return {
    view: view.name,
    rules: view.forward,
    stubs: view.stub ?? [],
    limits: config.cache ? limitsOf(config.cache) : {},
    ...(view.leak_guard && { internal: internalZones(view, config.views) }),
    ...(config.trust && view.recursion.length > 0 && { trust: config.trust }),
    ...(rebinding && { mayBePrivate: rebinding.except }),
  }
}

/** A resolver for one view, with its part of the cache. */
export function createViewResolver(of: ResolverConfig, own: OwnZones, deps: ResolverDeps): Resolver {
  const { view, ...rest } = of
  return createResolver({ ...deps, ...rest, ...own, partition: partitionOf(of) })
}

/** Tells a view's part of the cache: what came by other rules is not in it. The same over restarts. */
function partitionOf({ view, rules, stubs, trust }: ResolverConfig): Uint8Array {
  const text = JSON.stringify([view, rules, stubs, trust])
  return createHash('sha256').update(text).digest().subarray(0, PARTITION_LENGTH)
}

/** The part of the cache that is a view's now. */
export function partitionOfView(view: ViewConfig, config: ServingConfig): Uint8Array {
  return partitionOf(resolverConfigOf(view, config))
}

function limitsOf(cache: CacheConfig): Partial<ResolverLimits> {
  return {
    minTtl: cache.min_ttl,
    maxTtl: cache.max_ttl,
    maxNegativeTtl: cache.negative_ttl,
    maxStale: cache.stale,
    staleTtl: cache.stale_ttl || DEFAULT_LIMITS.staleTtl,
    prefetch: cache.prefetch,
  }
}

/** Zones that some other view has, this one has not, and no view for everybody has: the world does not know them. */
function internalZones(view: ViewConfig, views: readonly ViewConfig[]): Name[] {
  const everybody = views.filter(({ match }) => isForEverybody(match)).flatMap(({ zones }) => zones)
  const knows = (zones: readonly { name: Name }[], name: Name) => zones.some(zone => equalNames(zone.name, name))
  const hidden = views.flatMap(({ zones }) => zones.map(({ name }) => name))
  const kept = hidden.filter(name => name.length > 1 && !knows(everybody, name) && !knows(view.zones, name))
  return kept.filter(
    (name, i) => !kept.some((other, j) => j !== i && isSubdomain(name, other) && (j < i || !equalNames(name, other))),
  )
}

function isForEverybody({ clients, destinations, doh_path: path, keys }: ViewConfig['match']): boolean {
  if (destinations || path) return false
  return clients ? clients.some(({ length }) => length === 0) : keys.length === 0
}
