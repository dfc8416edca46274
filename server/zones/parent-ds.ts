import { Class, Rcode } from '../../dns/codes.ts'
import type { Name } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { ParentDs } from '../../zones/keys/parent.ts'
import type { ServingView } from '../requests/state.ts'

/**
 * The DS RRset of a zone as each view sees it that can tell: in our own zone above it, or by a forward rule. Those that see nothing of
 * it are left out; one that sees that there is none gives none.
 */
export async function askParents(views: readonly ServingView[], origin: Name): Promise<ParentDs[]> {
  const seen = await Promise.all(views.map(view => askParent(view, origin)))
  return seen.filter(answer => answer !== undefined)
}

async function askParent(view: ServingView, origin: Name): Promise<ParentDs | undefined> {
  const above = view.zones.findAbove(origin, 0)
  if (above) {
    const rrset = above.latest().rrset(origin, Type.DS)
    return { ds: rrset?.rdatas ?? [], ttl: (rrset?.ttl ?? 0) * 1000 }
  }
  if (!view.resolver.covers(origin)) return undefined
  const question = { name: origin, type: Type.DS, class: Class.IN }
  const { rcode, answer } = await view.resolver.resolve(question, { client: 'dnssec' })
  if (rcode !== Rcode.NOERROR) return undefined
  const records = answer.filter(({ type }) => type === Type.DS)
  const ttl = Math.max(0, ...records.map(record => record.ttl)) * 1000
  return { ds: records.map(({ rdata }) => rdata), ttl }
}
