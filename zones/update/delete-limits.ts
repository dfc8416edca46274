import { Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { nameKey } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import { type Changeset, rrsetKey } from '../change.ts'
import { OWN_TYPES } from '../overlay/selection.ts'
import { ruleFor, type UpdatePolicy } from '../policy.ts'

const MINUTE = 60_000

/** Records that a rule has let go, and when. */
interface Spent {
  at: number
  count: number
}

/**
 * How many records each rule lets a key delete, in one message and in a minute: what stops a client that has gone wrong from emptying
 * a zone. A record counts as deleted where nothing comes in its RRset's place.
 */
export class DeleteLimits {
  private readonly clock: Clock
  /** By key and number of the rule; no more than there are rules, each with what the last minute saw. */
  private readonly spent = new Map<string, Spent[]>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Throws REFUSED where the change deletes more than a rule allows. Nothing is counted yet. */
  check(policy: UpdatePolicy, change: Changeset): ReadonlyMap<number, number> {
    const counts = deletedByRule(policy, change)
    for (const [at, count] of counts) {
      const { per_message: most, per_minute: mostInMinute } = policy.rules[at]?.deletes ?? {}
      const refuse = (limit: number, what: string) =>
        new RcodeError(Rcode.REFUSED, `update rule ${at + 1} lets ${limit} records be deleted ${what}`)
      if (most !== undefined && count > most) throw refuse(most, `in a message, not ${count}`)
      if (mostInMinute !== undefined && this.inLastMinute(policy, at) + count > mostInMinute)
        throw refuse(mostInMinute, `in a minute: ${count} more are too many now`)
    }
    return counts
  }

  /** Counts what `check` has let through; the function that it returns takes it back. */
  charge(policy: UpdatePolicy, counts: ReadonlyMap<number, number>): () => void {
    const charged = [...counts].map(([at, count]) => {
      const one = { at: this.clock.monotonic(), count }
      const known = this.spent.get(keyOf(policy, at))
      if (known) known.push(one)
      else this.spent.set(keyOf(policy, at), [one])
      return one
    })
    return () => {
      for (const one of charged) one.count = 0
    }
  }

  private inLastMinute(policy: UpdatePolicy, at: number): number {
    const since = this.clock.monotonic() - MINUTE
    const recent = (this.spent.get(keyOf(policy, at)) ?? []).filter(one => one.at > since && one.count > 0)
    this.spent.set(keyOf(policy, at), recent)
    return recent.reduce((sum, { count }) => sum + count, 0)
  }
}

function keyOf({ rules }: UpdatePolicy, at: number): string {
  return `${at}/${nameKey(rules[at]!.key)}`
}

/** Of each rule that has a limit, by its index. */
function deletedByRule(policy: UpdatePolicy, { deleted, added }: Changeset): Map<number, number> {
  const counts = new Map<number, number>()
  if (!policy.rules.some(({ deletes }) => deletes)) return counts
  const replaced = new Set(added.map(({ owner, type }) => rrsetKey(owner, type)))
  for (const { owner, type } of deleted) {
    if (type === Type.SOA || OWN_TYPES.has(type) || replaced.has(rrsetKey(owner, type))) continue
    const at = ruleFor(policy, owner, type)
    if (policy.rules[at]?.deletes) counts.set(at, (counts.get(at) ?? 0) + 1)
  }
  return counts
}
