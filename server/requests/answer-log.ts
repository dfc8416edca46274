/** Words of an entry; after them come the pairs of zone and version, the name, the records, and the places of the TTLs. */
export const Entry = {
  /** In words, all of the entry. */
  SIZE: 0,
  HASH: 1,
  /** How often it was used since it was stored or last spared; DEAD where it was replaced. */
  USES: 2,
  QUESTION: 3,
  FACTS: 4,
  /** Of the records and, in the lower half, of the name, in octets. */
  LENGTHS: 5,
  /** Of zones and, in the lower half, of TTLs. */
  COUNTS: 6,
  STORED: 7,
  EXPIRES: 8,
  FLAGS: 9,
  ANSWERS: 10,
  /** A note and, in the lower half, how many additional records. */
  ADDITIONALS: 11,
  HEADER: 12,
} as const

/** `EXPIRES` of an answer that lasts as long as its zones do not change. */
export const NEVER = 0xffffffff

const DEAD = 0xffffffff
const MOST_USES = 3
/** Part of the memory for entries that were not used yet. */
const YOUNG = 1 / 8
/** Entries spared in one go; then the oldest goes although it was used, so that room is made in bounded time. */
const MOST_SPARED = 32

/** Tells that an entry has moved, or with `to` 0 that it is gone. */
export type Moved = (hash: number, from: number, to: number) => void

/** A region that is written round and round: entries lie from `tail` to `head`, oldest first. Positions are word indexes. */
interface Ring {
  start: number
  end: number
  head: number
  tail: number
  /** Where entries end before the ring wraps; `end` where it does not. */
  wrap: number
  empty: boolean
}

/**
 * The memory of the answer cache: entries of any size in two rings. New ones go to the small young ring; what was used by the time it
 * gets old there moves to the main ring, and what was not is dropped. So a scan of names that are asked for once passes through the
 * young ring alone. In the main ring an old entry that was used since is written anew instead of dropped.
 */
export class AnswerLog {
  readonly words: Uint32Array
  readonly bytes: Uint8Array
  entries = 0
  octets = 0
  private readonly young: Ring
  private readonly main: Ring
  private readonly moved: Moved

  constructor(octets: number, moved: Moved) {
    const total = Math.max(1024, octets >> 2)
    this.words = new Uint32Array(total)
    this.bytes = new Uint8Array(this.words.buffer)
    const split = 1 + Math.floor(total * YOUNG)
    // Word 0 is never used, so that 0 can stand for "none".
    this.young = ring(1, split)
    this.main = ring(split, total)
    this.moved = moved
  }

  clear(): void {
    Object.assign(this.young, ring(this.young.start, this.young.end))
    Object.assign(this.main, ring(this.main.start, this.main.end))
    this.entries = 0
    this.octets = 0
  }

  /** Room for a new entry of `words` and then `octets`, with its size set; 0 where it is too big to keep. */
  allocate(words: number, octets: number): number {
    const size = words + ((octets + 3) >> 2)
    if (size > (this.young.end - this.young.start) >> 2) return 0
    const entry = this.append(this.young, size, this.dropOrPromote)
    this.words[entry + Entry.SIZE] = size
    this.words[entry + Entry.USES] = 0
    this.entries++
    this.octets += size * 4
    return entry
  }

  /** The entry was used. */
  touch(entry: number): void {
    const uses = this.words[entry + Entry.USES]!
    if (uses < MOST_USES) this.words[entry + Entry.USES] = uses + 1
  }

  /** Nothing refers to the entry any more; its room is taken back when its turn comes. */
  kill(entry: number): void {
    this.words[entry + Entry.USES] = DEAD
    this.forget(entry)
  }

  private forget(entry: number): void {
    this.entries--
    this.octets -= this.words[entry + Entry.SIZE]! * 4
  }

  /** Makes room for `size` words at the ring's head, handing the oldest entries to `leave` as long as it takes. */
  private append(to: Ring, size: number, leave: (entry: number) => void): number {
    for (;;) {
      const at = claim(to, size)
      if (at !== 0) return at
      const oldest = to.tail
      this.release(to)
      leave(oldest)
    }
  }

  /** Takes the oldest entry out of the ring; its words stay as they are until something is appended. */
  private release(from: Ring): void {
    from.tail += this.words[from.tail + Entry.SIZE]!
    if (from.tail === from.wrap && from.tail !== from.head) {
      from.tail = from.start
      from.wrap = from.end
    }
    if (from.tail === from.head) Object.assign(from, ring(from.start, from.end))
  }

  private readonly dropOrPromote = (entry: number): void => {
    const uses = this.words[entry + Entry.USES]!
    if (uses === DEAD) return
    if (uses === 0) this.drop(entry)
    else this.promote(entry)
  }

  private drop(entry: number): void {
    this.moved(this.words[entry + Entry.HASH]!, entry, 0)
    this.forget(entry)
  }

  private promote(entry: number): void {
    let spared = 0
    const size = this.words[entry + Entry.SIZE]!
    // The entry itself lies in the young ring, so nothing here overwrites it.
    const to = this.append(this.main, size, old => {
      const uses = this.words[old + Entry.USES]!
      if (uses === DEAD) return
      if (uses === 0 || spared++ >= MOST_SPARED || !this.spare(old)) this.drop(old)
    })
    this.move(entry, to, size)
  }

  /** Writes an old entry of the main ring anew, where there is room without dropping another. */
  private spare(entry: number): boolean {
    const size = this.words[entry + Entry.SIZE]!
    const uses = this.words[entry + Entry.USES]!
    const to = claim(this.main, size)
    if (to === 0) return false
    this.move(entry, to, size)
    this.words[to + Entry.USES] = uses - 1
    return true
  }

  private move(from: number, to: number, size: number): void {
    this.words.copyWithin(to, from, from + size)
    this.words[to + Entry.USES] = 0
    this.moved(this.words[to + Entry.HASH]! | 0, from, to)
  }
}

function ring(start: number, end: number): Ring {
  return { start, end, head: start, tail: start, wrap: end, empty: true }
}

/** Claims words at the head, without overwriting an entry; 0 where there is no room. */
function claim(to: Ring, size: number): number {
  const wrapped = !to.empty && to.head <= to.tail
  if (!wrapped && to.head + size > to.end) {
    // The rest of the ring stays unused this time round.
    if (to.start + size > to.tail) return 0
    to.wrap = to.head
    to.head = to.start
  } else if (wrapped && to.head + size > to.tail) return 0
  const at = to.head
  to.head += size
  to.empty = false
  return at
}
