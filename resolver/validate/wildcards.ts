import { ancestorName, isSubdomain, type Name, nameKey } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Dated } from './ranges.ts'

/** An RRset of a wildcard as it was expanded for some name. */
export interface Expansion extends Dated {
  /** The name that the wildcard is directly below. */
  at: Name
}

/** RRsets of a zone; the oldest goes where there are more. */
const MOST_WILDCARDS = 500
/** These are of cuts, or say something of all below them: a wildcard of such a type means nothing (RFC 4592 §4). */
const NOT_EXPANDED: ReadonlySet<number> = new Set([Type.DS, Type.NS, Type.SOA, Type.DNAME])

/** The wildcards of one zone, learned from validated expansions, to stand for more names (RFC 8198 §5.3). */
export class Wildcards {
  private readonly sets = new Map<string, Expansion>()

  insert(expansion: Expansion): void {
    const key = keyOf(expansion.at, expansion.set.type)
    this.sets.delete(key)
    this.sets.set(key, expansion)
    if (this.sets.size > MOST_WILDCARDS) this.sets.delete(this.sets.keys().next().value!)
  }

  /** What the wildcards directly below ancestors of `name` have of the type, or the alias that they are; the closest first. `now` as in `until`. */
  *above(name: Name, type: number, zone: Name, now: number): Generator<Expansion> {
    if (this.sets.size === 0 || NOT_EXPANDED.has(type)) return
    for (let at = name; at.length > zone.length; ) {
      at = ancestorName(at)
      if (!isSubdomain(at, zone)) return
      const found = this.sets.get(keyOf(at, type)) ?? this.sets.get(keyOf(at, Type.CNAME))
      if (found && now < found.until) yield found
    }
  }
}

function keyOf(at: Name, type: number): string {
  return `${type} ${nameKey(at)}`
}
