import { isSubdomain, type Name } from '../dns/name.ts'
import { u32At } from '../dns/octets.ts'
import type { ResourceRecord, RRset } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import { applyRecords } from './image/apply.ts'
import { Arena, ArenaFull } from './image/arena.ts'
import { ZoneBuilder } from './image/build.ts'
import { copyZone } from './image/copy.ts'
import { findRRset, nthRRset, rrsetData, rrsetsAt, rrsetType } from './image/entry.ts'
import { SearchKey } from './image/key.ts'
import { OwnerWalk } from './image/owners.ts'
import { allRRsets, hashedRRset, ownerOf, rrsetObject, rrsetsOfType, ZoneReader } from './image/reader.ts'
import { RecordWalk } from './image/records.ts'
import { apexOf, hashedOf, readVersion } from './image/version.ts'
import { hashNeighbours, isHidden, ownersAfter, ownersBefore } from './image/walk.ts'

export { ZoneBuilder } from './image/build.ts'
export { ZoneError } from './image/errors.ts'
export { SearchKey } from './image/key.ts'

/** How much room an image has for changes before it must be rebuilt, as a share of its live data. */
export interface ImageOptions {
  slack?: number
}

const SLACK = 0.5

/**
 * A zone in memory: all its versions in one SharedArrayBuffer that every thread reads without locks and one thread, the owner of
 * the zone's writer, adds to. A version is a tree that shares with the one before it all that did not change; taking a version
 * pins it. Only this file and `image/` know how a zone lies in memory.
 */
export class ZoneImage {
  readonly origin: Name
  readonly arena: Arena
  /** For lookups on this thread. */
  readonly reader: ZoneReader
  /** For this thread's own searches by `ZoneVersion`'s methods. */
  readonly key = new SearchKey()
  /** The published version this thread saw last; replaced when another was published. */
  private seen: ZoneVersion | undefined

  private constructor(arena: Arena) {
    this.arena = arena
    this.origin = arena.origin()
    this.reader = new ZoneReader(arena)
  }

  /** The image of a new zone, its first version published. Records may come in any order; ZoneError for one that it cannot hold. */
  static create(origin: Name, records: Iterable<ResourceRecord>, options: ImageOptions = {}): ZoneImage {
    const builder = new ZoneBuilder(origin)
    for (const record of records) builder.add(record)
    return ZoneImage.from(builder, options)
  }

  /** The image of what a builder was given. */
  static from(builder: ZoneBuilder, options: ImageOptions = {}): ZoneImage {
    const { arena, version } = builder.build(options.slack ?? SLACK)
    arena.publish(version)
    return new ZoneImage(arena)
  }

  /** The image that another thread made; to be read only. */
  static attach(buffer: SharedArrayBuffer): ZoneImage {
    return new ZoneImage(Arena.attach(buffer))
  }

  /** The image that another thread made and has let go of, `used` octets of it: this thread is its writer from now on. */
  static adopt(buffer: SharedArrayBuffer, used: number): ZoneImage {
    const arena = Arena.attach(buffer)
    arena.top = used / 4
    return new ZoneImage(arena)
  }

  /** Memory for so many octets of a version that was kept, with room for changes: `adopt` makes an image of it. */
  static roomForKept(octets: number): SharedArrayBuffer {
    return Arena.roomForKept(octets, SLACK)
  }

  /** What other threads attach to. */
  get buffer(): SharedArrayBuffer {
    return this.arena.buffer
  }

  /** Rises by one with every published version; an answer made before is of an older version. */
  generation(): number {
    return this.arena.generation()
  }

  /** The version published last. */
  latest(): ZoneVersion {
    const at = this.arena.published()
    if (this.seen?.at !== at) this.seen = new ZoneVersion(this, at)
    return this.seen
  }

  /**
   * The version that follows `base`, which may itself be unpublished, by the changeset; undefined where the image has no room for
   * it and must be rebuilt. ZoneError, and nothing changed, where it does not fit. Only the writing thread may call it.
   */
  apply(
    base: ZoneVersion,
    change: { deleted: readonly ResourceRecord[]; added: readonly ResourceRecord[] },
  ): ZoneVersion | undefined {
    const { arena, origin, key } = this
    const { top } = arena
    try {
      return new ZoneVersion(this, applyRecords(arena, origin, base.at, change.deleted, change.added, key))
    } catch (error) {
      arena.takeBack(top)
      if (error instanceof ArenaFull) return undefined
      throw error
    }
  }

  /** A new image that holds this version alone, published, with fresh room for changes; its generation is one further. */
  rebuild(version: ZoneVersion, options: ImageOptions = {}): ZoneImage {
    const copy = copyZone(this.arena, this.origin, version.at, options.slack ?? SLACK)
    copy.arena.startGeneration(this.generation())
    copy.arena.publish(copy.version)
    return new ZoneImage(copy.arena)
  }

  /** Makes the version the one that every thread sees from now on. */
  publish(version: ZoneVersion): void {
    this.arena.publish(version.at)
  }

  /** Goes on from the generations of the image that this one is published instead of. */
  succeed(image: ZoneImage): void {
    this.arena.startGeneration(image.generation())
  }

  /** Octets of the image in use. */
  used(): number {
    return this.arena.top * 4
  }
}

/**
 * Makes these the versions that every thread sees from now on, all at one moment: whoever asks while the first is published and the last is not
 * waits. `handOut` gives away images that nobody reads yet; it must not read any of them.
 */
export function publishTogether(versions: readonly ZoneVersion[], handOut: () => void = () => {}): void {
  if (versions.length > 1) for (const { image } of versions) image.arena.hold()
  try {
    handOut()
    for (const { image, at } of versions) image.arena.publish(at)
  } finally {
    if (versions.length > 1) for (const { image } of versions) image.arena.release()
  }
}

/** One version of a zone: a cheap handle on what never changes. */
export class ZoneVersion {
  readonly image: ZoneImage
  /** Names the version inside its image. */
  readonly at: number

  constructor(image: ZoneImage, at: number) {
    this.image = image
    this.at = at
  }

  get origin(): Name {
    return this.image.origin
  }

  /** The SOA's serial. */
  serial(): number {
    return u32At(this.image.arena.octets, this.soaNumbers())
  }

  /** The RRset of this owner and type, a copy. */
  rrset(owner: Name, type: number): RRset | undefined {
    const { arena, origin } = this.image
    const entry = this.entry(owner)
    const rrset = entry === 0 ? 0 : findRRset(arena, entry, type)
    const found = rrset === 0 ? undefined : rrsetObject(arena, ownerOf(arena, origin, entry), rrset)
    const hashed = this.hashed(owner, type)
    return found && hashed ? { ...found, rdatas: [...found.rdatas, ...hashed.rdatas] } : (found ?? hashed)
  }

  /** The types of all RRsets of this owner, in ascending order. */
  typesAt(owner: Name): number[] {
    const { arena } = this.image
    const entry = this.entry(owner)
    const types: number[] = []
    for (let i = 0; entry !== 0 && i < rrsetsAt(arena, entry); i++)
      types.push(rrsetType(arena, nthRRset(arena, entry, i)))
    const hashed = [Type.RRSIG, Type.NSEC3].filter(type => !types.includes(type) && this.hashed(owner, type))
    return hashed.length === 0 ? types : [...types, ...hashed].sort((a, b) => a - b)
  }

  /** The NSEC3 of this owner or its signatures, which no query finds by name (RFC 5155 §7.2.8). */
  private hashed(owner: Name, type: number): RRset | undefined {
    const { arena, origin } = this.image
    if (!this.hasHashes() || owner.length === origin.length || !isSubdomain(owner, origin)) return undefined
    return hashedRRset(arena, origin, this.at, this.keyOf(owner), type)
  }

  /** Whether there is a chain of hashed names (RFC 5155), whole or not. */
  hasHashes(): boolean {
    return hashedOf(this.image.arena, this.at) !== 0
  }

  /** Whether the name exists: it owns records, or a name below it does (RFC 4592 §2.2.3). */
  exists(owner: Name): boolean {
    if (!isSubdomain(owner, this.origin)) return false
    const { reader } = this.image
    const key = this.keyOf(owner)
    reader.locate(this.at, key)
    return reader.closest === key.labels
  }

  /** Whether a delegation or a DNAME above the name hides it. */
  isHidden(owner: Name): boolean {
    return isHidden(this.image.arena, this.at, this.keyOf(owner))
  }

  /** The owners after the name in canonical order (RFC 4034 §6.1), without the apex and those of NSEC3. */
  ownersAfter(owner: Name): Generator<Name> {
    return ownersAfter(this.image.arena, this.origin, this.at, this.keyOf(owner))
  }

  /** The owners before the name, nearest first; the apex is the last. */
  ownersBefore(owner: Name): Iterable<Name> {
    return ownersBefore(this.image.arena, this.origin, this.at, this.keyOf(owner))
  }

  /** The labels of the owners of NSEC3 around this one, in lower case: one more with every call. */
  hashNeighbours(label: string): { before: () => string | undefined; after: () => string | undefined } {
    return hashNeighbours(this.image.arena, this.at, label)
  }

  /** The owner's key; the image's one, until the next name is looked for. */
  private keyOf(owner: Name): SearchKey {
    const { key } = this.image
    key.read(owner, 0, owner.length - this.origin.length)
    return key
  }

  /** All RRsets, or those of one type: the SOA first, then in canonical order of owners (RFC 4034 §6.1), then NSEC3. Other versions may come and go meanwhile. */
  rrsets(type?: number): Iterable<RRset> {
    const { arena } = this.image
    return type === undefined ? allRRsets(arena, this.origin, this.at) : rrsetsOfType(arena, this.origin, this.at, type)
  }

  /** The image as it lies in memory, in two parts, with this version as the published one: for `ZoneImage.roomForKept`. What the second shows never changes. */
  kept(): { head: Uint8Array; rest: Uint8Array } {
    return this.image.arena.kept(this.at)
  }

  /** All records in the same order, without an object for any. */
  walk(): RecordWalk {
    return new RecordWalk(this.image.arena, this.origin, this.at)
  }

  /** All owners, without an object for any. */
  owners(): OwnerWalk {
    return new OwnerWalk(this.image.arena, this.origin, this.at)
  }

  /** How many records it has. */
  size(): number {
    return readVersion(this.image.arena, this.at).records
  }

  /** How many names own records. */
  names(): number {
    return readVersion(this.image.arena, this.at).names
  }

  private entry(owner: Name): number {
    if (!isSubdomain(owner, this.origin)) return 0
    const key = this.keyOf(owner)
    return this.image.reader.ancestor(this.at, key, key.labels)
  }

  /** The SOA's RRset, for `ZoneReader`. */
  soa(): number {
    const { arena } = this.image
    return findRRset(arena, apexOf(arena, this.at), Type.SOA)
  }

  /** Where the five numbers of the SOA lie (RFC 1035 §3.3.13). */
  private soaNumbers(): number {
    const { arena } = this.image
    const data = rrsetData(this.soa())
    const length = (arena.octets[data]! << 8) | arena.octets[data + 1]!
    return data + 2 + length - 20
  }
}
