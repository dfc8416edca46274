import type { Part, Reply } from './compare.ts'

/** What was asked, and of which zones. */
export interface Context {
  type: string
  /** The origin of the zone that a name is in; undefined for names that are not ours. */
  originOf(name: string): string | undefined
}

/** Where we deliberately do not answer as BIND and Knot agree to, each with its reason; also in docs/standards.md. */
interface Difference {
  reason: string
  fits(context: Context, part: Part, ours: Reply, theirs: Reply): boolean
}

const DIFFERENCES: readonly Difference[] = [
  {
    reason: 'RFC 1034 §4.3.2 step 3a: an alias is followed into the other zones of the view, not in its own zone alone',
    fits: (context, _part, ours, theirs) => holds(ours, theirs) && leavesItsZone(context, theirs),
  },
  {
    reason:
      'RFC 4035 §3.1.4.1: the DS of an apex comes from the parent zone where we have it, at the end of an alias too',
    fits: (context, _part, ours, theirs) =>
      context.type === 'DS' && holds(ours, theirs) && leadsToApex(context, theirs),
  },
]

/** The reason for a difference, or undefined where there is none. */
export function deliberate(context: Context, part: Part, ours: Reply, theirs: Reply): string | undefined {
  return DIFFERENCES.find(difference => difference.fits(context, part, ours, theirs))?.reason
}

/** Whether our answer section has all of theirs. */
function holds(ours: Reply, theirs: Reply): boolean {
  const have = new Set(ours.answer.split('\n'))
  return theirs.answer.split('\n').every(line => have.has(line))
}

/** Whether their answer ends in an alias from one of our zones to another. */
function leavesItsZone({ originOf }: Context, { answer }: Reply): boolean {
  const records = answer.split('\n').map(line => line.split(' '))
  return records.some(([owner, , type, target]) => {
    if (type !== 'CNAME' || records.some(([other]) => other === target)) return false
    const there = originOf(target!)
    return there !== undefined && there !== originOf(owner!)
  })
}

function leadsToApex({ originOf }: Context, { answer }: Reply): boolean {
  return answer.split('\n').some(line => {
    const [, , type, target] = line.split(' ')
    return type === 'CNAME' && originOf(target!) === target
  })
}
