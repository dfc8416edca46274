import { Class } from '../../dns/codes.ts'
import { compareNames, isSubdomain, isWildcard, type Name, nameKey } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { makeRdata, readRdata, Type } from '../../dns/types.ts'
import { Draft, recordsOf } from '../draft.ts'
import { raiseSerial } from '../update/update.ts'
import { commitTogether } from '../write/commit.ts'
import type { Decision, Follower, Pipeline, Standing } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'
import { type ReverseZone, reverseZone } from './reverse.ts'
import { contentsOf, type SourceZone } from './source.ts'

/** Holder of the PTR records that follow from addresses; no key is called so, for those end in a dot. */
export const PTR_HOLDER = 'ptr_from'

/** PTR records of ours at one address: of more names, those that come first in canonical order. */
export const MOST_NAMES = 100

/** The names to look at for one address's PTR records. */
interface Candidates {
  owner: Name
  names: Map<string, Name>
}

type Standings = (pipeline: Pipeline) => Standing

/**
 * Keeps the PTR records of a reverse zone in step with the A or AAAA records of other zones (`ptr_from`). At an owner where somebody
 * else holds a PTR, or there is a CNAME, there are none of ours; elsewhere exactly one for each name that has the address, wildcards
 * apart. Changes in the commit of the zone that it follows.
 */
export class PtrFollower {
  private readonly zone: SourceZone
  private readonly sources: readonly SourceZone[]
  /** Zones of the same view below this one: what is in them is not ours to answer. */
  private readonly deeper: readonly Name[]
  private readonly reverse: ReverseZone | undefined

  /** `zone` has a pipeline. Without `sources` it loses the PTR records of ours. */
  constructor(zone: SourceZone, sources: readonly SourceZone[], deeper: readonly Name[] = []) {
    this.zone = zone
    this.sources = sources
    this.deeper = deeper
    this.reverse = reverseZone(zone.origin)
  }

  private get pipeline(): Pipeline {
    return this.zone.pipeline!
  }

  /** Follows a zone's addresses. */
  readonly addresses: Follower = this.follower((followed, own, standing) => {
    const touched = new Map<string, Candidates>()
    for (const record of [...followed.change.deleted, ...followed.change.added]) this.note(touched, record)
    return this.decide(touched, own, standing, false)
  })

  /** Follows what is changed by hand in the reverse zone itself. */
  readonly hands: Follower = this.follower(({ change, holdings }, own, standing) => {
    const touched = new Map<string, Candidates>()
    let freed = false
    for (const { owner, type } of [...change.deleted, ...change.added, ...holdings.map(({ record }) => record)])
      if (type === Type.PTR || type === Type.CNAME) touched.set(nameKey(owner), { owner, names: new Map() })
    for (const { type, owner } of change.deleted)
      if (touched.has(nameKey(owner)) && (type === Type.PTR || type === Type.CNAME)) freed = true
    if (freed) this.search(touched, standing)
    return this.decide(touched, own, standing, freed)
  })

  private follower(follow: Follower['follow']): Follower {
    const pipeline = () => this.pipeline
    return {
      follow,
      get pipeline() {
        return pipeline()
      },
    }
  }

  /** Brings the whole zone into step, whatever happened to the zones that it follows. */
  async synchronize(): Promise<void> {
    const decide = (_tip: ZoneVersion, _holders: unknown, standing: Standings) => {
      const own = standing(this.pipeline)
      const touched = new Map<string, Candidates>()
      for (const { owner, type } of own.tip.rrsets())
        if (type === Type.PTR) touched.set(nameKey(owner), { owner, names: new Map() })
      this.search(undefined, standing, touched)
      return this.decide(touched, own, standing, true) ?? { change: { deleted: [], added: [] } }
    }
    await commitTogether({ key: undefined, source: PTR_HOLDER }, [{ pipeline: this.pipeline, decide }])
  }

  /** Where the record's address has its PTR records here; undefined where nowhere. */
  private ownerFor({ owner, type, rdata }: Pick<ResourceRecord, 'owner' | 'type' | 'rdata'>): Name | undefined {
    if (type !== this.reverse?.type || isWildcard(owner)) return undefined
    const reversed = this.reverse.ownerOf(rdata)
    return reversed && !this.deeper.some(origin => isSubdomain(reversed, origin)) ? reversed : undefined
  }

  private note(touched: Map<string, Candidates>, record: ResourceRecord): void {
    const owner = this.ownerFor(record)
    if (!owner) return
    const key = nameKey(owner)
    const candidates = touched.get(key) ?? { owner, names: new Map() }
    candidates.names.set(nameKey(record.owner), record.owner)
    touched.set(key, candidates)
  }

  /** Notes every name that has one of the wanted addresses; of all addresses where none is named. */
  private search(
    wanted: ReadonlyMap<string, Candidates> | undefined,
    standing: Standings,
    into: Map<string, Candidates> = wanted as Map<string, Candidates>,
  ): void {
    for (const source of this.sources)
      for (const rrset of contentsOf(source, standing)?.tip.rrsets() ?? []) {
        if (rrset.type !== this.reverse?.type) continue
        for (const record of recordsOf(rrset)) {
          const owner = this.ownerFor(record)
          if (owner && (!wanted || wanted.has(nameKey(owner)))) this.note(into, record)
        }
      }
  }

  /** The PTR records of these owners as they must be. `complete` says that every name that may count is among the candidates. */
  private decide(
    touched: Map<string, Candidates>,
    own: Standing,
    standing: Standings,
    complete: boolean,
  ): Decision | undefined {
    const draft = new Draft(own.tip)
    const shrunk = new Map<string, Candidates>()
    for (const [key, candidates] of touched) {
      const before = this.ours(candidates.owner, own).length
      const after = this.decideOwner(candidates, draft, own, standing)
      if (!complete && before >= MOST_NAMES && after < MOST_NAMES) shrunk.set(key, candidates)
    }
    // There may be names for which there was no room.
    if (shrunk.size > 0) {
      this.search(shrunk, standing)
      for (const candidates of shrunk.values()) this.decideOwner(candidates, draft, own, standing)
    }
    if (!draft.changed) return undefined
    raiseSerial(draft, own.base, this.zone.origin)
    const change = draft.changes()
    const added = change.added.filter(record => record.type === Type.PTR && own.holders.of(record) !== PTR_HOLDER)
    return { change, holdings: added.map(record => ({ record, holder: PTR_HOLDER })) }
  }

  private ours(owner: Name, { tip, holders }: Standing): ResourceRecord[] {
    return recordsAt(tip, owner).filter(record => holders.of(record) === PTR_HOLDER)
  }

  /** Returns how many records of ours the owner has then. */
  private decideOwner({ owner, names }: Candidates, draft: Draft, own: Standing, standing: Standings): number {
    const ours = this.ours(owner, own)
    for (const { rdata } of ours) {
      const { target } = readRdata('PTR', rdata)
      names.set(nameKey(target), target)
    }
    const taken = recordsAt(own.tip, owner).length > ours.length || own.tip.typesAt(owner).includes(Type.CNAME)
    const wanted = taken ? [] : this.wanted(owner, [...names.values()], standing)
    const keep = new Set(wanted.map(({ name }) => nameKey(name)))
    for (const record of ours) if (!keep.has(nameKey(readRdata('PTR', record.rdata).target))) draft.deleteRecord(record)
    const ttl = Math.min(...wanted.map(({ ttl }) => ttl))
    for (const { name } of wanted)
      draft.add({ owner, type: Type.PTR, class: Class.IN, ttl, rdata: makeRdata('PTR', { target: name }) })
    return wanted.length
  }

  /** Those of the names that have the address, in canonical order. */
  private wanted(owner: Name, names: readonly Name[], standing: Standings): { name: Name; ttl: number }[] {
    const tips = this.sources.flatMap(source => contentsOf(source, standing)?.tip ?? [])
    return names
      .flatMap(name => {
        const ttls = tips.flatMap(tip => this.ttlOf(tip, name, owner) ?? [])
        return ttls.length > 0 ? [{ name, ttl: Math.min(...ttls) }] : []
      })
      .sort((a, b) => compareNames(a.name, b.name))
      .slice(0, MOST_NAMES)
  }

  /** The TTL of the name's addresses where the one of `owner` is among them. */
  private ttlOf(source: ZoneVersion, name: Name, owner: Name): number | undefined {
    const rrset = source.rrset(name, this.reverse!.type)
    if (!rrset) return undefined
    const key = nameKey(owner)
    const has = recordsOf(rrset).some(record => {
      const reversed = this.ownerFor(record)
      return reversed !== undefined && nameKey(reversed) === key
    })
    return has ? rrset.ttl : undefined
  }
}

function recordsAt(version: ZoneVersion, owner: Name): ResourceRecord[] {
  const rrset = version.rrset(owner, Type.PTR)
  return rrset ? recordsOf(rrset) : []
}
