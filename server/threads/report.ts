import type { Counters } from '../../resolver/counters.ts'
import type { Resolver } from '../../resolver/resolver.ts'
import type { UpstreamReport } from '../../resolver/upstreams/upstream-report.ts'
import { type KeyUse, mergeKeyUses } from '../requests/key-use.ts'
import { TOP_SECONDS, type Top, topOf } from '../sight/top-list.ts'

/** A view, as far as it is reported on. */
export interface ReportedView {
  name: string
  /** The zones that it has rules for; none where nothing is resolved. */
  ruled: readonly unknown[]
  resolver: Resolver
}

/** What one thread knows of its resolvers and of keys. */
export interface ThreadReport {
  views: { view: string; counters: Counters; upstreams: UpstreamReport[] }[]
  top: Top
  keys: KeyUse[]
}

/** The same of the daemon, its threads taken together. */
export interface ResolverReport {
  counters: Record<string, number>
  upstreams: (UpstreamReport & { view: string })[]
  top: Top & { seconds: number }
  keys: KeyUse[]
}

export function reportOf(views: readonly ReportedView[], top: Top, keys: KeyUse[]): ThreadReport {
  return {
    ...{ top, keys },
    views: views
      .filter(({ ruled }) => ruled.length > 0)
      .map(({ name, resolver }) => ({
        view: name,
        counters: { ...resolver.counters },
        upstreams: resolver.upstreams(),
      })),
  }
}

/** Counters added up; an upstream is as the thread sees it that is worst off with it. */
export function mergeReports(reports: readonly ThreadReport[]): ResolverReport {
  const counters: Record<string, number> = {}
  const upstreams = new Map<string, UpstreamReport & { view: string }>()
  for (const { view, counters: counted, upstreams: seen } of reports.flatMap(({ views }) => views)) {
    for (const [name, count] of Object.entries(counted)) counters[name] = (counters[name] ?? 0) + count
    for (const one of seen) {
      const key = `${view} ${one.zone} ${one.upstream}`
      const other = upstreams.get(key)
      upstreams.set(key, { view, ...(other ? worse(one, other) : one) })
    }
  }
  return {
    counters,
    upstreams: [...upstreams.values()],
    top: mergeTops(reports.map(({ top }) => top)),
    keys: mergeKeyUses(reports.flatMap(({ keys }) => keys)),
  }
}

function mergeTops(tops: readonly Top[]): Top & { seconds: number } {
  const merged = (list: keyof Top) => {
    const counts = new Map<string, number>()
    for (const { key, count } of tops.flatMap(top => top[list])) counts.set(key, (counts.get(key) ?? 0) + count)
    return topOf(counts, SHOWN)
  }
  return {
    seconds: TOP_SECONDS,
    names: merged('names'),
    clients: merged('clients'),
    failures: merged('failures'),
    blocked: merged('blocked'),
  }
}

/** Entries of each list that are told. */
const SHOWN = 100

const RANKS: readonly UpstreamReport['state'][] = ['not asked yet', 'up', 'no address', 'down']

function worse(a: UpstreamReport, b: UpstreamReport): UpstreamReport {
  const worst = RANKS.indexOf(a.state) > RANKS.indexOf(b.state) ? a : b
  return {
    ...worst,
    outstanding: a.outstanding + b.outstanding,
    asked: a.asked + b.asked,
    unanswered: a.unanswered + b.unanswered,
  }
}

/** The same report for all who ask at once, as the metrics of one scrape do: the threads are asked once. */
export function askedOnce(report: () => Promise<ResolverReport>): () => Promise<ResolverReport> {
  let pending: Promise<ResolverReport> | undefined
  return () => {
    pending ??= report().finally(() => {
      pending = undefined
    })
    return pending
  }
}
