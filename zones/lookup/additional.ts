import { type ResponseWriter, Section } from '../../dns/response.ts'
import { Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'
import { lookup, Outcome } from './lookup.ts'
import { endOfName, NameRef } from './nameref.ts'
import type { Pins } from './pins.ts'
import type { ZoneTable } from './table.ts'

/** Targets whose addresses are added for one RRset; for the others clients ask. */
const MOST_TARGETS = 32

/** Where in RDATA the name is whose addresses are added; -1 for types that have none. */
function targetOffset(type: number): number {
  switch (type) {
    case Type.NS: // RFC 1035 §3.3.11
      return 0
    case Type.MX: // RFC 1035 §3.3.9
    case Type.AFSDB: // RFC 1183 §1
    case Type.KX: // RFC 2230 §4
    case Type.SVCB: // RFC 9460 §4.1
    case Type.HTTPS:
      return 2
    case Type.SRV: // RFC 2782, "Usage rules"
      return 6
    default:
      return -1
  }
}

/** RFC 9460 §4.1: with the addresses of its targets, a service binding brings theirs. */
function bindingType(type: number): number {
  return type === Type.SVCB || type === Type.HTTPS ? type : 0
}

/** Writes the addresses of an RRset's targets, from any of the view's zones (RFC 1034 §4.3.2 step 6). Allocates nothing. */
export class AdditionalWriter {
  private readonly outcome = new Outcome()
  private readonly targets = Array.from({ length: MOST_TARGETS }, () => new NameRef())
  private count = 0
  /** The type of the service binding whose targets these are, or 0. */
  private binding = 0

  /** Adds the addresses for an RRset of the answer section. */
  addresses(zones: ZoneTable, pins: Pins, version: ZoneVersion, rrset: number, response: ResponseWriter): void {
    if (!this.collect(version, rrset)) return
    response.open(Section.ADDITIONAL)
    for (let i = 0; i < this.count; i++) this.add(zones, pins, this.targets[i]!, response, false)
  }

  /**
   * Adds the glue of a referral to `cut`. RFC 9471 §3.1: that of servers named below the cut must be there or TC be set; it comes
   * first. §3.2: what else we know of the servers is added while it fits.
   */
  glue(
    zones: ZoneTable,
    pins: Pins,
    version: ZoneVersion,
    rrset: number,
    cut: NameRef,
    response: ResponseWriter,
  ): void {
    if (!this.collect(version, rrset)) return
    response.open(Section.ADDITIONAL)
    for (let i = 0; i < this.count; i++)
      if (this.targets[i]!.isAtOrBelow(cut)) this.add(zones, pins, this.targets[i]!, response, true)
    for (let i = 0; i < this.count; i++)
      if (!this.targets[i]!.isAtOrBelow(cut)) this.add(zones, pins, this.targets[i]!, response, false)
  }

  /** Notes the RRset's targets, each once; false where there are none. */
  private collect(version: ZoneVersion, rrset: number): boolean {
    const { reader } = version.image
    const { octets } = reader
    const type = reader.type(rrset)
    const offset = targetOffset(type)
    this.count = 0
    this.binding = bindingType(type)
    if (offset < 0) return false
    let at = reader.data(rrset)
    for (let left = reader.count(rrset); left > 0 && this.count < MOST_TARGETS; left--) {
      this.note(octets, at + 2 + offset)
      at += 2 + ((octets[at]! << 8) | octets[at + 1]!)
    }
    return this.count > 0
  }

  private note(octets: Uint8Array, at: number): void {
    // The root as target says "no service" (RFC 2782, RFC 7505) or "the owner" (RFC 9460 §2.5): neither has addresses to add.
    if (octets[at] === 0) return
    const target = this.targets[this.count]!
    target.set(octets, at, endOfName(octets, at) - at)
    for (let i = 0; i < this.count; i++) if (this.targets[i]!.equals(target)) return
    this.count++
  }

  private add(zones: ZoneTable, pins: Pins, target: NameRef, response: ResponseWriter, required: boolean): void {
    const image = zones.find(target.buf, target.at)
    if (!image) return
    const version = pins.pin(image)
    const entry = this.entryOf(version, target)
    if (entry === 0) return
    addRRset(version, entry, Type.A, target, response, required)
    addRRset(version, entry, Type.AAAA, target, response, required)
    if (this.binding !== 0) addRRset(version, entry, this.binding, target, response, false)
  }

  /** The entry that has the target's addresses, glue below a cut included; 0 where there is none. */
  private entryOf(version: ZoneVersion, target: NameRef): number {
    const { outcome } = this
    lookup(version, target.buf, target.at, target.length, Type.A, outcome)
    if (outcome.kind === 'answer' || outcome.kind === 'nodata') return outcome.entry
    if (outcome.kind !== 'referral') return 0
    return version.image.reader.ancestor(version.at, outcome.key, outcome.labels)
  }
}

function addRRset(
  version: ZoneVersion,
  entry: number,
  type: number,
  owner: NameRef,
  response: ResponseWriter,
  required: boolean,
): void {
  const { reader } = version.image
  const rrset = reader.find(entry, type)
  if (rrset !== 0) writeStored(version, entry, rrset, owner, response, required)
}

/** Writes an RRset of the entry under this owner, with its signatures for a client that takes them; false where not all of it fits. */
export function writeStored(
  version: ZoneVersion,
  entry: number,
  rrset: number,
  owner: NameRef,
  response: ResponseWriter,
  required = false,
): boolean {
  const { reader } = version.image
  const { octets } = reader
  const type = reader.type(rrset)
  const ttl = reader.ttl(rrset)
  const count = reader.count(rrset)
  const at = reader.data(rrset)
  // Each signature has the TTL of what it covers.
  if (type === Type.RRSIG) return response.signatures(owner.buf, owner.at, 0, -1, count, octets, at)
  if (!response.rrset(owner.buf, owner.at, type, ttl, count, octets, at, required)) return false
  return !response.dnssecOk || writeSignatures(version, entry, type, ttl, owner, response)
}

/** RFC 4035 §3.1.1: with an RRset go the signatures that cover it. */
export function writeSignatures(
  version: ZoneVersion,
  entry: number,
  type: number,
  ttl: number,
  owner: NameRef,
  response: ResponseWriter,
): boolean {
  const { reader } = version.image
  const signatures = reader.find(entry, Type.RRSIG)
  if (signatures === 0) return true
  const count = reader.count(signatures)
  return response.signatures(owner.buf, owner.at, type, ttl, count, reader.octets, reader.data(signatures))
}
