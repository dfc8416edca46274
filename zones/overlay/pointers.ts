import { isSubdomain, type Name, nameKey } from '../../dns/name.ts'
import type { Changeset } from '../change.ts'
import type { Followed, Standing } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'
import { recordsIn, type Selection } from './selection.ts'

/** Owners whose records point to a name, and by how many records each. */
interface Target {
  name: Name
  owners: Map<string, { owner: Name; count: number }>
}

/**
 * Who points where in an overlay's base, as of one version of it. A change that is told of counts only once the next one is built on
 * it: what came between and failed is forgotten.
 */
export class PointerIndex {
  private readonly selection: Selection
  private version: ZoneVersion | undefined
  private targets = new Map<string, Target>()
  private next: { zone: Standing; change: Changeset } | undefined

  constructor(selection: Selection) {
    this.selection = selection
  }

  /** Is as of `before` from now on, and will be as of what the change makes of it. */
  advance({ zone, before, change }: Pick<Followed, 'zone' | 'before' | 'change'>): void {
    const { next } = this
    // Signatures may have been put on top since.
    if (next && isSame(next.zone.tip, before)) this.apply(next.change)
    else if (!this.version || !isSame(this.version, before)) this.rebuild(before)
    this.version = before
    this.next = { zone, change }
  }

  private rebuild(version: ZoneVersion): void {
    this.targets = new Map()
    for (const { record, target } of this.selection.pointers(recordsIn(version.rrsets())))
      this.count(record.owner, target, 1)
  }

  private apply(change: Changeset): void {
    for (const { record, target } of this.selection.pointers(change.deleted)) this.count(record.owner, target, -1)
    for (const { record, target } of this.selection.pointers(change.added)) this.count(record.owner, target, 1)
  }

  private count(owner: Name, name: Name, by: number): void {
    const key = nameKey(name)
    const target = this.targets.get(key) ?? { name, owners: new Map() }
    const from = target.owners.get(nameKey(owner)) ?? { owner, count: 0 }
    from.count += by
    if (from.count > 0) target.owners.set(nameKey(owner), from)
    else target.owners.delete(nameKey(owner))
    if (target.owners.size > 0) this.targets.set(key, target)
    else this.targets.delete(key)
  }

  /** Those that point to this name. */
  *to(name: Name): Generator<Name> {
    for (const { owner } of this.targets.get(nameKey(name))?.owners.values() ?? []) yield owner
  }

  /** Those that point to names below this one. */
  *below(name: Name): Generator<Name> {
    for (const target of this.targets.values())
      if (isSubdomain(target.name, name)) for (const { owner } of target.owners.values()) yield owner
  }
}

function isSame(a: ZoneVersion, b: ZoneVersion): boolean {
  return a.image === b.image && a.at === b.at
}
