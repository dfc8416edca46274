import { matchesPattern } from '../../config/pattern.ts'
import type { CatalogOfConfig } from '../../config/schema.ts'
import { Class } from '../../dns/codes.ts'
import { concatNames, type Name, nameKey, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialAfter } from '../../dns/serial.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import { type Changeset, diffRecords, isEmptyChange } from '../change.ts'
import { recordsOfVersion } from '../history/baseline.ts'
import { soaSerial, withSerial } from '../soa.ts'
import type { ZoneVersion } from '../zone.ts'
import { CATALOG_VERSION, COO, GROUP, type Member, readCatalog, versionNode, zonesNode } from './read.ts'

/** A zone that a catalog is to list. */
export type Listed = Omit<Member, 'label'>

/** What a catalog of these rules says of the zones of its view. */
export function listedBy({ zones, groups, moved }: CatalogOfConfig, names: readonly Name[]): Listed[] {
  const fits = (patterns: CatalogOfConfig['zones'], zone: Name) => patterns.some(one => matchesPattern(one, zone))
  return names
    .filter(zone => fits(zones, zone))
    .map(zone => {
      const coo = moved.find(one => fits(one.zones, zone))?.to
      return { zone, groups: groups.filter(one => fits(one.zones, zone)).map(({ name }) => name), ...(coo && { coo }) }
    })
}

/** The records that a catalog begins with, after its SOA (RFC 9432 §4.1, §4.3.1): a name server that is none, and its version. */
export function firstOfCatalog(origin: Name): ResourceRecord[] {
  return [
    record(origin, Type.NS, makeRdata('NS', { host: parseName('invalid.') })),
    record(versionNode(origin), Type.TXT, text(CATALOG_VERSION)),
  ]
}

/**
 * What makes the catalog list these zones and no others. A zone that it lists already keeps the label of its node; one that comes, or
 * comes again, gets a new one by `newLabel`, so that nobody takes it for what it was (RFC 9432 §5.4).
 */
export function listZones(tip: ZoneVersion, listed: readonly Listed[], newLabel: () => string): Changeset {
  const { origin } = tip
  const labels = labelsIn(tip)
  const taken = new Set(labels.values())
  const fresh = (): string => {
    const label = newLabel()
    if (taken.has(label)) return fresh()
    taken.add(label)
    return label
  }
  const before = recordsOfVersion(tip)
  const soa = before[0]!
  const nodes = listed.flatMap(one => [...nodeOf(one, labels.get(nameKey(one.zone)) ?? fresh(), origin)])
  const after = [...firstOfCatalog(origin), ...nodes]
  const unchanged = diffRecords(before, [soa, ...after])
  if (isEmptyChange(unchanged)) return unchanged
  const raised = { ...soa, rdata: withSerial(soa.rdata, serialAfter(soaSerial(soa.rdata))) }
  return diffRecords(before, [raised, ...after])
}

/** The labels by the zones that they stand for; none where the zone was something else before. */
function labelsIn(tip: ZoneVersion): Map<string, string> {
  if (!tip.rrset(versionNode(tip.origin), Type.TXT)) return new Map()
  return new Map(readCatalog(tip).map(({ zone, label }) => [nameKey(zone), label]))
}

/** RFC 9432 §4.2, §4.4: the node of one member, and its properties below. */
function* nodeOf({ zone, coo, groups }: Listed, label: string, origin: Name): Generator<ResourceRecord> {
  const node = concatNames(parseName(`${label}.`), zonesNode(origin))!
  yield record(node, Type.PTR, makeRdata('PTR', { target: zone }))
  if (coo) yield record(concatNames(COO, node)!, Type.PTR, makeRdata('PTR', { target: coo }))
  for (const group of groups) yield record(concatNames(GROUP, node)!, Type.TXT, text(group))
}

/** RFC 9432 §4.2 leaves the TTL open: nobody is to keep a catalog's records. */
function record(owner: Name, type: number, rdata: Uint8Array): ResourceRecord {
  return { owner, type, class: Class.IN, ttl: 0, rdata }
}

function text(value: string): Uint8Array {
  return makeRdata('TXT', { strings: [Buffer.from(value)] })
}
