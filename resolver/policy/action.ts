import { Class } from '../../dns/codes.ts'
import { concatNames, equalNames, isWildcard, type Name, parseName } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'

/** What the operator makes of a policy zone as a whole. */
export type Override = 'given' | 'passthru' | 'nxdomain' | 'nodata' | 'drop' | 'tcp-only' | 'disabled'

/** What becomes of an answer. */
export type Action =
  | { kind: 'passthru' | 'nxdomain' | 'nodata' | 'drop' | 'tcp-only' | 'disabled' }
  /** Another name answers in its place. */
  | { kind: 'alias'; target(name: Name): Name | undefined; ttl: number }
  /** The zone's own records. */
  | { kind: 'data'; records(name: Name, type: number): ResourceRecord[] }

const PASSTHRU = parseName('rpz-passthru.')
const DROP = parseName('rpz-drop.')
const TCP_ONLY = parseName('rpz-tcp-only.')

/** The action that the records of a rule stand for. */
export function actionOf(
  data: { rrset(owner: Name, type: number): RRset | undefined },
  owner: Name,
  types: readonly number[],
  policy: Override,
): Action {
  if (policy !== 'given') return { kind: policy }
  const alias = types.includes(Type.CNAME) ? data.rrset(owner, Type.CNAME) : undefined
  const target = alias && targetOf(Type.CNAME, alias.rdatas[0]!)
  if (alias && target) return aliasAction(target, alias.ttl)
  return {
    kind: 'data',
    records(name, type) {
      const wanted = type === Type.ANY ? types : types.filter(one => one === type)
      return wanted.flatMap(one => {
        const { ttl, rdatas } = data.rrset(owner, one) ?? { ttl: 0, rdatas: [] }
        return rdatas.map(rdata => ({ owner: name, type: one, class: Class.IN, ttl, rdata }))
      })
    },
  }
}

function aliasAction(target: Name, ttl: number): Action {
  if (target.length === 1) return { kind: 'nxdomain' }
  // "*." alone is NODATA; before other labels it stands for the name that was asked.
  if (isWildcard(target)) {
    const garden = target.subarray(2)
    return garden.length === 1 ? { kind: 'nodata' } : { kind: 'alias', ttl, target: name => concatNames(name, garden) }
  }
  if (equalNames(target, PASSTHRU)) return { kind: 'passthru' }
  if (equalNames(target, DROP)) return { kind: 'drop' }
  if (equalNames(target, TCP_ONLY)) return { kind: 'tcp-only' }
  return { kind: 'alias', ttl, target: () => target }
}
