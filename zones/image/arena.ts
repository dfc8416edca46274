import type { Name } from '../../dns/name.ts'

/** The arena has no room for what is being written: its live data goes to a new one. */
export class ArenaFull extends Error {
  override name = 'ArenaFull'
}

/** "NMZ" and the version of the layout. */
const MAGIC = 0x4e4d5a01

/** Words of the header; the origin's octets follow it. Addresses everywhere are word indexes, so 0 is never one. */
const Head = { MAGIC: 0, PUBLISHED: 1, GENERATION: 2, ORIGIN_LENGTH: 3, ORIGIN: 4, SIZE: 4 + 64 } as const

/** Offsets are octets in 31 bits wherever they are computed. */
const MOST_OCTETS = 0x7ffffff8

/** Room for changes besides what is live, so that small zones are not rebuilt every few updates. */
const LEAST_SLACK = 128 * 1024

/** Octets for so much live data and changes; with `slack` 0 there is hardly any room for the latter. */
export function roomFor(live: number, slack: number): number {
  return Math.ceil(live * (1 + slack)) + (slack > 0 ? LEAST_SLACK : 0)
}

/**
 * The memory of a zone: one SharedArrayBuffer that only grows at its top, seen as octets and as words.
 * One thread writes. What lies below a published version never changes, so that any thread may read it without locks;
 * storing the published version's address is the one synchronizing write; its negative stands there while others are published with it.
 */
export class Arena {
  readonly buffer: SharedArrayBuffer
  readonly octets: Uint8Array
  readonly words: Int32Array
  /** First free word. Owned by the writing thread. */
  top: number = Head.SIZE

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.octets = new Uint8Array(buffer)
    this.words = new Int32Array(buffer)
  }

  /** A new arena with room for `size` octets besides its header. Pages that are never written cost no memory. */
  static create(origin: Name, size: number): Arena {
    const octets = (Head.SIZE * 4 + size + 7) & ~7
    if (octets > MOST_OCTETS || octets < 0) throw new RangeError('the zone is larger than 2 GiB')
    const arena = new Arena(new SharedArrayBuffer(octets))
    arena.words[Head.MAGIC] = MAGIC
    arena.words[Head.ORIGIN_LENGTH] = origin.length
    arena.octets.set(origin, Head.ORIGIN * 4)
    return arena
  }

  /** The arena that another thread made. */
  static attach(buffer: SharedArrayBuffer): Arena {
    const arena = new Arena(buffer)
    if (arena.words[Head.MAGIC] !== MAGIC) throw new RangeError('this buffer holds no zone image')
    return arena
  }

  origin(): Name {
    const at = Head.ORIGIN * 4
    return this.octets.slice(at, at + this.words[Head.ORIGIN_LENGTH]!)
  }

  /** Address of `words` fresh zeroed words. */
  allocate(words: number): number {
    const at = this.top
    if (at + words > this.words.length) throw new ArenaFull('the zone image is full')
    this.top = at + words
    return at
  }

  /** The published version; while the arena is held, waits for the one that comes. */
  published(): number {
    const at = Atomics.load(this.words, Head.PUBLISHED)
    return at >= 0 ? at : this.awaitPublished(at)
  }

  private awaitPublished(held: number): number {
    Atomics.wait(this.words, Head.PUBLISHED, held)
    return this.published()
  }

  /** Lets whoever asks for the published version wait for the next: `publish`, or `release`, must follow at once. */
  hold(): void {
    Atomics.store(this.words, Head.PUBLISHED, -this.published())
  }

  /** Wakes those who wait. */
  release(): void {
    const at = Atomics.load(this.words, Head.PUBLISHED)
    if (at < 0) Atomics.store(this.words, Head.PUBLISHED, -at)
    Atomics.notify(this.words, Head.PUBLISHED)
  }

  generation(): number {
    return Atomics.load(this.words, Head.GENERATION)
  }

  /** Everything written before is seen by whoever sees this version. */
  publish(version: number): void {
    Atomics.store(this.words, Head.PUBLISHED, version)
    Atomics.add(this.words, Head.GENERATION, 1)
  }

  /** For an image that replaces another: counting goes on where that one stood. */
  startGeneration(generation: number): void {
    Atomics.store(this.words, Head.GENERATION, generation)
  }

  /** What the arena holds, to be kept elsewhere: its header with this version as the published one, and all behind that. */
  kept(version: number): { head: Uint8Array; rest: Uint8Array } {
    const head = this.words.slice(0, Head.SIZE)
    head[Head.PUBLISHED] = version
    head[Head.GENERATION] = 1
    return { head: new Uint8Array(head.buffer), rest: this.octets.subarray(Head.SIZE * 4, this.top * 4) }
  }

  /** Memory for what was kept, with room for changes. */
  static roomForKept(octets: number, slack: number): SharedArrayBuffer {
    const size = (roomFor(octets, slack) + 7) & ~7
    if (size > MOST_OCTETS || size < 0) throw new RangeError('the zone is larger than 2 GiB')
    return new SharedArrayBuffer(size)
  }

  /** Gives back all that was allocated since the top was `top`; nobody may have seen it. */
  takeBack(top: number): void {
    this.words.fill(0, top, this.top)
    this.top = top
  }
}
