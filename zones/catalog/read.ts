import {
  ancestorName,
  concatNames,
  isSubdomain,
  labelCount,
  lowerName,
  type Name,
  nameKey,
  parseName,
  prefixOf,
  printName,
} from '../../dns/name.ts'
import { equalOctets, type RRset } from '../../dns/record.ts'
import { readRdata, Type } from '../../dns/types.ts'
import { ZoneError } from '../image/errors.ts'
import type { ZoneVersion } from '../zone.ts'

/** A zone that a catalog lists. */
export interface Member {
  zone: Name
  /** The label of its node, as text in lower case: with another label it is another zone (RFC 9432 §5.4). */
  label: string
  /** The catalog that may take it over (RFC 9432 §4.4.1). */
  coo?: Name
  /** RFC 9432 §4.4.2. */
  groups: readonly string[]
}

/** RFC 9432 §4.3.1: the only version there is. */
export const CATALOG_VERSION = '2'

const VERSION = parseName('version.')
const ZONES = parseName('zones.')
export const COO = parseName('coo.')
export const GROUP = parseName('group.')

/** What has been read of a catalog, by the labels of the members' nodes. */
interface Reading {
  zones: Map<string, Name>
  coo: Map<string, Name>
  groups: Map<string, string[]>
}

/**
 * The zones that a catalog lists (RFC 9432 §4). ZoneError where it is broken: then it means nothing, and what an earlier version said
 * stays in force (§5.1). What has no meaning here is passed over.
 */
export function readCatalog(version: ZoneVersion): Member[] {
  const { origin } = version
  requireVersion(version.rrset(versionNode(origin), Type.TXT))
  const top = zonesNode(origin)
  const reading: Reading = { zones: new Map(), coo: new Map(), groups: new Map() }
  for (const rrset of version.rrsets()) if (isSubdomain(rrset.owner, top)) readNode(rrset, top, reading)
  requireDistinct(reading.zones.values())
  return [...reading.zones].map(([label, zone]) => {
    const coo = reading.coo.get(label)
    return { zone, label, groups: reading.groups.get(label) ?? [], ...(coo && { coo }) }
  })
}

/** Where a catalog tells its version. */
export function versionNode(origin: Name): Name {
  return below(VERSION, origin)
}

/** Below it are the members. */
export function zonesNode(origin: Name): Name {
  return below(ZONES, origin)
}

function below(node: Name, origin: Name): Name {
  const name = concatNames(node, origin)
  if (!name) throw broken('its name is too long for a catalog')
  return name
}

/** RFC 9432 §4.3.1: exactly one, with a value that is known. */
function requireVersion(rrset: RRset | undefined): void {
  if (!rrset) throw broken('it has no version')
  if (rrset.rdatas.length > 1) throw broken('it has several versions')
  const version = textOf(rrset.rdatas[0]!)
  if (version !== CATALOG_VERSION) throw broken(`it has version "${version}"; only ${CATALOG_VERSION} is known`)
}

/** A member's node, or one of its properties. */
function readNode({ owner, type, rdatas }: RRset, top: Name, { zones, coo, groups }: Reading): void {
  const path = prefixOf(lowerName(owner), top)
  const depth = labelCount(path)
  if (depth === 0 || depth > 2) return
  const label = printName(ancestorName(path, depth - 1)).slice(0, -1)
  if (depth === 1 && type === Type.PTR) zones.set(label, onlyTarget(owner, rdatas))
  if (depth === 2 && type === Type.PTR && names(path, COO)) coo.set(label, onlyTarget(owner, rdatas))
  if (depth === 2 && type === Type.TXT && names(path, GROUP)) groups.set(label, rdatas.map(textOf))
}

/** Whether the first label of the path is the property's. */
function names(path: Name, property: Name): boolean {
  return equalOctets(path.subarray(0, path[0]! + 1), property.subarray(0, -1))
}

/** RFC 9432 §4.2, §4.4.1: one PTR record, no more. */
function onlyTarget(owner: Name, rdatas: readonly Uint8Array[]): Name {
  if (rdatas.length > 1) throw broken(`${printName(owner)} has several PTR records`)
  return readRdata('PTR', rdatas[0]!).target
}

/** RFC 9432 §4.2: no zone is listed twice. */
function requireDistinct(zones: Iterable<Name>): void {
  const seen = new Set<string>()
  for (const zone of zones) {
    if (seen.has(nameKey(zone))) throw broken(`it lists ${printName(zone)} twice`)
    seen.add(nameKey(zone))
  }
}

/** What a TXT record says, its strings one after another. */
function textOf(rdata: Uint8Array): string {
  return Buffer.concat(readRdata('TXT', rdata).strings).toString()
}

function broken(why: string): ZoneError {
  return new ZoneError(`the catalog is broken: ${why}`)
}
