import { concatNames, equalNames, type Name, nameKey, parseName } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { ZoneContents } from '../draft.ts'
import type { OverlayFile } from './file.ts'
import { OWN_TYPES, recordsIn, type Selection } from './selection.ts'

/** An owner of an overlay as it must be, by type; SOA apart. */
export type Composed = Map<number, RRset>

/** A record that is shown where its target is. */
interface Pointer {
  record: ResourceRecord
  target: Name
}

/**
 * The RRsets that an overlay has at these owners, by `nameKey`: what is selected of the base, less what points to names that are not
 * shown, and in the place of that what the overlay's own file has. `shown` is the overlay at all other owners. A record is shown if
 * its target is by records other than itself: two that point at each other show nothing.
 */
export function compose(
  owners: ReadonlyMap<string, Name>,
  base: ZoneContents,
  selection: Selection,
  file: OverlayFile,
  shown: ZoneContents,
): Map<string, Composed> {
  const composed = new Map<string, Composed>()
  let waiting: Pointer[] = []
  for (const [key, owner] of owners) {
    const own = file.owners.get(key)?.rrsets ?? new Map<number, RRset>()
    const sets: Composed = new Map(own)
    sets.delete(Type.SOA)
    composed.set(key, sets)
    for (const rrset of selection.rrsetsAt(base, owner)) {
      if (own.has(rrset.type) || excludes(own, rrset.type)) continue
      for (const record of recordsIn([rrset])) {
        const target = selection.targetOf(record)
        if (target) waiting.push({ record, target })
        else addTo(sets, record)
      }
    }
    const ns = equalNames(owner, selection.origin) && !own.has(Type.NS) && base.rrset(owner, Type.NS)
    if (ns) sets.set(Type.NS, ns)
  }
  const view = new ComposedView(composed, shown, selection.origin)
  for (let before = waiting.length + 1; waiting.length < before; ) {
    before = waiting.length
    waiting = waiting.filter(({ record, target }) => {
      if (!view.leadsSomewhere(record.type, target)) return true
      addTo(composed.get(nameKey(record.owner))!, record)
      return false
    })
  }
  return composed
}

/** RFC 1034 §3.6.2: nothing stands beside a CNAME; the file's word counts. */
function excludes(own: ReadonlyMap<number, RRset>, type: number): boolean {
  return own.has(Type.CNAME) || (type === Type.CNAME && own.size > 0)
}

function addTo(sets: Composed, { owner, type, ttl, rdata }: ResourceRecord): void {
  const rrset = sets.get(type)
  if (rrset) rrset.rdatas.push(rdata)
  else sets.set(type, { owner, type, ttl, rdatas: [rdata] })
}

const ASTERISK = parseName('*.')
const ADDRESSES: ReadonlySet<number> = new Set([Type.A, Type.AAAA, Type.CNAME])

/** The overlay while it is being composed. */
class ComposedView {
  private readonly composed: ReadonlyMap<string, Composed>
  private readonly others: ZoneContents
  private readonly origin: Name

  constructor(composed: ReadonlyMap<string, Composed>, others: ZoneContents, origin: Name) {
    this.composed = composed
    this.others = others
    this.origin = origin
  }

  /**
   * Whether the name that a record of this type points to is shown: itself, by a wildcard above it, or by a delegation that it is below.
   * More that is shown never makes less so, which is why the order in which records are looked at does not matter.
   */
  leadsSomewhere(type: number, target: Name): boolean {
    if (serves(type, this.typesAt(target))) return true
    for (let at = target; at.length > this.origin.length; ) {
      at = at.subarray(at[0]! + 1)
      if (serves(type, this.typesAt(concatNames(ASTERISK, at)))) return true
      if (type !== Type.NS && at.length > this.origin.length && this.typesAt(at).includes(Type.NS)) return true
    }
    return false
  }

  private typesAt(owner: Name | undefined): number[] {
    if (!owner) return []
    const composed = this.composed.get(nameKey(owner))
    return (composed ? [...composed.keys()] : this.others.typesAt(owner)).filter(type => !OWN_TYPES.has(type))
  }
}

/** An alias may lead to anything, a mail exchange, service or name server to an address. */
function serves(type: number, types: readonly number[]): boolean {
  return type === Type.CNAME ? types.length > 0 : types.some(one => ADDRESSES.has(one))
}
