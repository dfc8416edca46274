import { isSubdomain, type Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printRecord, Type } from '../../dns/types.ts'
import { diffRecords } from '../change.ts'
import { PTR_HOLDER } from '../derived/ptr.ts'
import { recordsOf } from '../draft.ts'
import type { Overlay } from '../overlay/overlay.ts'
import { OWN_TYPES } from '../overlay/selection.ts'
import type { ZoneVersion } from '../zone.ts'

/** A zone of one view, to be compared with that of another. */
export interface ComparedZone {
  view: string
  /** What is served; undefined where the view has nothing for the name. */
  version: ZoneVersion | undefined
  /** Of an overlay. */
  overlay?: Overlay | undefined
  /** The view of its base. */
  base?: string | undefined
  holderOf(record: ResourceRecord): string | undefined
}

/** A record that one of two views has and the other has not, or not with this TTL. */
export interface Difference {
  view: string
  /** In master-file form. */
  record: string
  /** Whose it is. */
  from: string
  /** Why the other view has it not. */
  absent: string
}

/** What two views see of a name and all below it, where that differs, and why. Signatures are each zone's own and left out. */
export function compareZones(name: Name, one: ComparedZone, other: ComparedZone): Difference[] {
  const seen = (zone: ComparedZone) => [...recordsBelow(name, zone.version)].filter(({ type }) => !OWN_TYPES.has(type))
  const { deleted, added } = diffRecords(seen(one), seen(other))
  return [
    ...deleted.map(record => describe(record, one, other)),
    ...added.map(record => describe(record, other, one)),
  ].sort((a, b) => (a.record < b.record ? -1 : 1))
}

function* recordsBelow(name: Name, version: ZoneVersion | undefined): Generator<ResourceRecord> {
  for (const rrset of version?.rrsets() ?? []) if (isSubdomain(rrset.owner, name)) yield* recordsOf(rrset)
}

function describe(record: ResourceRecord, has: ComparedZone, lacks: ComparedZone): Difference {
  return {
    view: has.view,
    record: printRecord(record),
    from: originOf(record, has),
    absent: whyAbsent(record, has, lacks),
  }
}

function originOf(record: ResourceRecord, { overlay, base, holderOf }: ComparedZone): string {
  if (overlay?.hasOwn(record)) return 'the file of the overlay'
  const holder = holderOf(record)
  const who = holder === undefined ? 'the zone itself' : holder === PTR_HOLDER ? holder : `the key ${holder}`
  return overlay ? `${who}, shown of ${base}` : who
}

function whyAbsent(record: ResourceRecord, has: ComparedZone, lacks: ComparedZone): string {
  if (!lacks.version) return `${lacks.view} has no zone for it`
  if (record.type === Type.SOA) return 'each view counts its own serial'
  if (lacks.overlay && lacks.base === has.view) return lacks.overlay.whyHidden(record)
  if (has.overlay && has.base === lacks.view && has.overlay.hasOwn(record)) return 'only the overlay has it'
  return 'the zones are kept apart'
}
