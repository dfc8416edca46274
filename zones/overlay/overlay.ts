import { tellsPrivate } from '../../config/private-addresses.ts'
import type { ShowRule } from '../../config/schema.ts'
import { Class } from '../../dns/codes.ts'
import { isWildcard, type Name, nameKey, printName } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../../dns/record.ts'
import { serialAfter, serialGreater } from '../../dns/serial.ts'
import { Type, typeName } from '../../dns/types.ts'
import { isEmptyChange, rdataKey } from '../change.ts'
import { contentsOf, type SourceZone } from '../derived/source.ts'
import { Draft, recordsOf } from '../draft.ts'
import type { Holders, Holding } from '../holders.ts'
import { soaSerial, withSerial } from '../soa.ts'
import { type Actor, commitTogether } from '../write/commit.ts'
import type { Decision, Followed, Follower, Pipeline, Standing } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'
import { compose } from './compose.ts'
import type { OverlayFile } from './file.ts'
import { PointerIndex } from './pointers.ts'
import { OWN_TYPES, Selection } from './selection.ts'

/** What an overlay shows, and what it puts over that. */
export interface OverlayRules {
  /** The zone of this name in the other view; asked for each time. */
  base: () => SourceZone
  show: readonly ShowRule[]
  hidePrivate: boolean
  file: OverlayFile
}

/** The base as an overlay is made from it. */
interface Base {
  tip: ZoneVersion
  holders: Holders | undefined
}

/**
 * A zone that shows of another, its base, what its rules let through, with its own file laid over that. It is a zone in its own right,
 * with a serial, a journal and a version on disk, and changes in the commit of its base. Not for updates.
 */
export class Overlay implements Follower {
  private readonly zone: SourceZone
  private rules!: OverlayRules
  private selection!: Selection
  private pointers!: PointerIndex

  /** `zone`, the overlay's own, has a pipeline by the time it is used. */
  constructor(zone: SourceZone, rules: OverlayRules) {
    this.zone = zone
    this.configure(rules)
  }

  /** Other rules, or another file; `synchronize` makes them so. */
  configure(rules: OverlayRules): void {
    this.rules = rules
    this.selection = new Selection(this.zone.origin, rules.show, rules.hidePrivate)
    this.pointers = new PointerIndex(this.selection)
  }

  get pipeline(): Pipeline {
    return this.zone.pipeline!
  }

  /** The records that the overlay begins with; undefined where its base has nothing yet. */
  first(): ResourceRecord[] | undefined {
    const tip = this.base.image?.latest()
    if (!tip) return undefined
    const composed = compose(this.everyOwner(tip), tip, this.selection, this.rules.file, EMPTY)
    const records = [...composed.values()].flatMap(sets => [...sets.values()].flatMap(recordsOf))
    return [this.soa(tip), ...records]
  }

  follow(followed: Followed, own: Standing): Decision | undefined {
    this.pointers.advance(followed)
    const base = { tip: followed.after, holders: followed.holders }
    return this.decide(this.affected(followed), base, own, !isEmptyChange(followed.change))
  }

  /** Brings the whole overlay into step with its base, its rules and its file. */
  async synchronize(actor: Actor = { key: undefined, source: 'overlay' }): Promise<void> {
    const decide = (_tip: ZoneVersion, _holders: Holders, standing: (pipeline: Pipeline) => Standing) => {
      const own = standing(this.pipeline)
      const base = contentsOf(this.base, standing)
      if (!base) return NOTHING
      const owners = this.everyOwner(base.tip)
      for (const { owner } of own.tip.rrsets()) owners.set(nameKey(owner), owner)
      return this.decide(owners, base, own, false) ?? NOTHING
    }
    await commitTogether(actor, [{ pipeline: this.pipeline, decide }])
  }

  /** What it is made from. */
  get base(): SourceZone {
    return this.rules.base()
  }

  /** Whether the owner and type are those of the overlay's own file. */
  hasOwn({ owner, type }: Pick<ResourceRecord, 'owner' | 'type'>): boolean {
    return this.rules.file.owners.get(nameKey(owner))?.rrsets.has(type) ?? false
  }

  /** Why a record of the base is not shown. */
  whyHidden(record: ResourceRecord): string {
    const { owner, type } = record
    if (this.hasOwn(record)) return `the overlay's file has its own ${typeName(type)}`
    if (!this.selection.covers(owner, type)) return 'no show rule covers it'
    if (this.rules.hidePrivate && tellsPrivate(record)) return 'it tells of a private address'
    if (this.rules.file.owners.has(nameKey(owner))) return "the overlay's file has what it can't stand beside"
    const target = this.selection.targetOf(record)
    return target ? `${printName(target)}, to which it points, is not shown` : 'the overlay differs'
  }

  private everyOwner(base: ZoneVersion): Map<string, Name> {
    const owners = new Map<string, Name>()
    for (const { owner } of base.rrsets()) owners.set(nameKey(owner), owner)
    for (const [key, { owner }] of this.rules.file.owners) owners.set(key, owner)
    return owners
  }

  /** The owners that a change of the base may change here: its own, and those that point to them. */
  private affected({ before, after, change, holdings }: Followed): Map<string, Name> {
    const owners = new Map<string, Name>()
    for (const { owner } of [...change.deleted, ...change.added, ...holdings.map(({ record }) => record)])
      owners.set(nameKey(owner), owner)
    const spreading = [...owners.values()].filter(owner => this.isNoticed(owner, before, after))
    const seen = new Set(spreading.map(nameKey))
    for (const owner of spreading)
      for (const pointing of this.pointingTo(owner, before, after)) {
        const key = nameKey(pointing)
        owners.set(key, pointing)
        if (!seen.has(key)) spreading.push(pointing)
        seen.add(key)
      }
    return owners
  }

  /** Whether others may be shown, or not be shown, because of what happened to this owner. */
  private isNoticed(owner: Name, before: ZoneVersion, after: ZoneVersion): boolean {
    const [was, is] = [before, after].map(version => this.selection.rrsetsAt(version, owner))
    const types = (rrsets: RRset[]) => rrsets.map(({ type }) => type).join()
    return types(was!) !== types(is!) || [...was!, ...is!].some(rrset => this.pointsInside(rrset))
  }

  private pointsInside({ type, rdatas }: RRset): boolean {
    return rdatas.some(rdata => this.selection.targetOf({ type, rdata }) !== undefined)
  }

  /** Who points to the owner as of `before`; to a wildcard or a delegation also who points below it. What points there since has changed itself. */
  private *pointingTo(owner: Name, before: ZoneVersion, after: ZoneVersion): Generator<Name> {
    yield* this.pointers.to(owner)
    if (isWildcard(owner)) yield* this.pointers.below(owner.subarray(2))
    else if ([before, after].some(version => version.rrset(owner, Type.NS))) yield* this.pointers.below(owner)
  }

  private decide(owners: Map<string, Name>, base: Base, own: Standing, raise: boolean): Decision | undefined {
    const composed = compose(owners, base.tip, this.selection, this.rules.file, own.tip)
    const draft = new Draft(own.tip)
    for (const [key, owner] of owners) {
      const sets = composed.get(key)!
      for (const type of draft.typesAt(owner))
        if (!sets.has(type) && type !== Type.SOA && !OWN_TYPES.has(type)) draft.deleteRRset(owner, type)
      for (const rrset of sets.values()) replace(draft, rrset)
    }
    const soa = this.soa(base.tip)
    const before = own.tip.rrset(this.zone.origin, Type.SOA)!
    if (raise || draft.changed || isAhead(soa, before)) draft.add(this.withNextSerial(soa, own.base.serial()))
    const records = [...composed.values()].flatMap(sets => [...sets.values()].flatMap(recordsOf))
    const holdings = this.holdings(records, base, own)
    return draft.changed || holdings.length > 0 ? { change: draft.changes(), holdings } : undefined
  }

  /** The SOA of the overlay but for its serial: the file's, else the base's. */
  private soa(base: ZoneVersion): ResourceRecord {
    const { origin } = this.zone
    const { ttl, rdatas } =
      this.rules.file.owners.get(nameKey(origin))?.rrsets.get(Type.SOA) ?? base.rrset(origin, Type.SOA)!
    return { owner: origin, type: Type.SOA, class: Class.IN, ttl, rdata: rdatas[0]! }
  }

  /** Our serial goes its own way; where its model's is ahead it comes along. */
  private withNextSerial(soa: ResourceRecord, current: number): ResourceRecord {
    const theirs = soaSerial(soa.rdata)
    return serialGreater(theirs, current) ? soa : { ...soa, rdata: withSerial(soa.rdata, serialAfter(current)) }
  }

  /** What comes from the base is whose it is there; what comes from the file is nobody's. Those that are not so yet, or are new. */
  private holdings(records: readonly ResourceRecord[], { holders }: Base, own: Standing): Holding[] {
    return records.flatMap(record => {
      const fromFile = this.hasOwn(record)
      const holder = fromFile ? undefined : holders?.of(record)
      const isNew = !own.tip.typesAt(record.owner).includes(record.type) || !hasRecord(own.tip, record)
      return isNew || own.holders.of(record) !== holder ? [{ record, holder }] : []
    })
  }
}

function hasRecord(version: ZoneVersion, { owner, type, rdata }: ResourceRecord): boolean {
  const key = rdataKey(type, rdata)
  return version.rrset(owner, type)!.rdatas.some(one => rdataKey(type, one) === key)
}

const NOTHING: Decision = { change: { deleted: [], added: [] } }
const EMPTY = { typesAt: () => [], rrset: () => undefined }

function replace(draft: Draft, rrset: RRset): void {
  draft.deleteRRset(rrset.owner, rrset.type)
  for (const record of recordsOf(rrset)) draft.add(record)
}

/** Whether the SOA says something else than the one before, or counts further. */
function isAhead(soa: ResourceRecord, before: RRset): boolean {
  const rdata = before.rdatas[0]!
  if (serialGreater(soaSerial(soa.rdata), soaSerial(rdata))) return true
  return soa.ttl !== before.ttl || !equalOctets(withSerial(soa.rdata, 0), withSerial(rdata, 0))
}
