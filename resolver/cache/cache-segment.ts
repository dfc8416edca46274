/** An entry of the cache: opaque to the memory that keeps it. */
export interface CacheEntry {
  /** The answer in wire form. */
  wire: Uint8Array
  /** Bits that the owner of the cache gives a meaning. */
  flags: number
  /** Milliseconds of the process's monotonic clock. */
  stored: number
  expires: number
}

/** Words of an entry; after them its key and its wire form, each padded to a word. */
const Entry = {
  /** In words, all of the entry. */
  SIZE: 0,
  HASH: 1,
  STATE: 2,
  /** Times in milliseconds, the upper word first. */
  STORED: 3,
  EXPIRES: 5,
  KEY_LENGTH: 7,
  WIRE_LENGTH: 8,
  FLAGS: 9,
  HEADER: 10,
} as const

const State = { IDLE: 0, USED: 1, DEAD: 2 } as const

/** Words in front of a segment's slots: the lock, the ring of entries, and counts. */
const Head = { LOCK: 0, HEAD: 1, TAIL: 2, WRAP: 3, RINGED: 4, ENTRIES: 5, WORDS: 6, LENGTH: 7 } as const

/** Slots that a hash may lie in. */
const WAYS = 8
/** Words of an entry, roughly; the slots are counted by it. */
const TYPICAL = 24
/** Entries spared in one go, so that room is made in bounded time. */
const MOST_SPARED = 32
/** One entry may take so much of its segment. */
const LARGEST_SHARE = 8
const SPINS = 2000
const WAITS = 20
const HIGH = 2 ** 32
/** Added to times, so that those before the start of the clock (of a run before this one) are numbers as well. */
const BIAS = 2 ** 44

/**
 * Part of the cache's memory: a lock, slots by hash, and entries in a ring that is written round and round. Where room is needed the oldest
 * goes, unless it was used since it was written: then it is written anew, once. All but `locked` and the counts want the lock held.
 */
export class CacheSegment {
  private readonly words: Uint32Array
  private readonly bytes: Uint8Array
  private readonly control: Int32Array
  private readonly mask: number
  /** Where slots and entries begin, in words of this segment. */
  private readonly slots: number
  private readonly start: number
  private readonly end: number
  private readonly holder: number

  constructor(buffer: SharedArrayBuffer, at: number, length: number, holder: number) {
    this.words = new Uint32Array(buffer, at * 4, length)
    this.bytes = new Uint8Array(buffer, at * 4, length * 4)
    this.control = new Int32Array(buffer, at * 4, 1)
    const buckets = 2 ** Math.max(0, Math.floor(Math.log2(length / TYPICAL / WAYS)))
    this.mask = buckets - 1
    this.slots = Head.LENGTH
    this.start = Head.LENGTH + buckets * WAYS
    this.end = length
    this.holder = holder
  }

  /** What `task` returns, with the lock held; undefined where it can't be had in time. */
  locked<T>(task: () => T): T | undefined {
    if (!this.lock()) return undefined
    try {
      return task()
    } finally {
      Atomics.store(this.control, Head.LOCK, 0)
    }
  }

  private lock(): boolean {
    for (let i = 0; i < SPINS; i++) if (this.tryLock()) return true
    for (let i = 0; i < WAITS; i++) {
      Atomics.wait(this.control, Head.LOCK, Atomics.load(this.control, Head.LOCK) || this.holder, 1)
      if (this.tryLock()) return true
    }
    return false
  }

  private tryLock(): boolean {
    return Atomics.compareExchange(this.control, Head.LOCK, 0, this.holder) === 0
  }

  /** What a thread that died with the lock left may be half written: all is forgotten. */
  releaseOf(holder: number): void {
    if (Atomics.load(this.control, Head.LOCK) !== holder) return
    this.clear()
    Atomics.store(this.control, Head.LOCK, 0)
  }

  clear(): void {
    this.words.fill(0, Head.HEAD, this.start)
    this.words[Head.HEAD] = this.words[Head.TAIL] = this.start
    this.words[Head.WRAP] = this.end
  }

  get entries(): number {
    return this.words[Head.ENTRIES]!
  }

  get octets(): number {
    return this.words[Head.WORDS]! * 4
  }

  /** Where the key's entry lies; 0 where there is none. Takes it for used. */
  find(hash: number, key: Uint8Array): number {
    const slot = this.slotOf(hash, key)
    if (slot === 0) return 0
    const entry = this.words[slot]!
    this.words[entry + Entry.STATE] = State.USED
    return entry
  }

  private slotOf(hash: number, key: Uint8Array): number {
    const bucket = this.bucket(hash)
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      const entry = this.words[slot]!
      if (entry !== 0 && this.words[entry + Entry.HASH] === hash && this.hasKey(entry, key)) return slot
    }
    return 0
  }

  private bucket(hash: number): number {
    return this.slots + (hash & this.mask) * WAYS
  }

  private hasKey(entry: number, key: Uint8Array): boolean {
    if (this.words[entry + Entry.KEY_LENGTH] !== key.length) return false
    const at = (entry + Entry.HEADER) * 4
    for (let i = 0; i < key.length; i++) if (this.bytes[at + i] !== key[i]) return false
    return true
  }

  /** The key of an entry, where it lies. */
  keyOf(entry: number): Uint8Array {
    const at = (entry + Entry.HEADER) * 4
    return this.bytes.subarray(at, at + this.words[entry + Entry.KEY_LENGTH]!)
  }

  /** A copy of an entry. */
  read(entry: number): CacheEntry {
    const { words } = this
    const at = (entry + Entry.HEADER + wordsOf(words[entry + Entry.KEY_LENGTH]!)) * 4
    const wire = new Uint8Array(words[entry + Entry.WIRE_LENGTH]!)
    wire.set(this.bytes.subarray(at, at + wire.length))
    return {
      wire,
      flags: words[entry + Entry.FLAGS]!,
      stored: this.time(entry + Entry.STORED),
      expires: this.time(entry + Entry.EXPIRES),
    }
  }

  /** Writes an entry, in place of an earlier one of the key. */
  store(hash: number, key: Uint8Array, value: CacheEntry): void {
    this.remove(hash, key)
    const keyWords = wordsOf(key.length)
    const size = Entry.HEADER + keyWords + wordsOf(value.wire.length)
    if (size > (this.end - this.start) / LARGEST_SHARE) return
    const entry = this.append(size)
    const { words } = this
    words[entry + Entry.SIZE] = size
    words[entry + Entry.HASH] = hash
    words[entry + Entry.STATE] = State.IDLE
    this.setTime(entry + Entry.STORED, value.stored)
    this.setTime(entry + Entry.EXPIRES, value.expires)
    words[entry + Entry.KEY_LENGTH] = key.length
    words[entry + Entry.WIRE_LENGTH] = value.wire.length
    words[entry + Entry.FLAGS] = value.flags
    this.bytes.set(key, (entry + Entry.HEADER) * 4)
    this.bytes.set(value.wire, (entry + Entry.HEADER + keyWords) * 4)
    words[Head.ENTRIES]!++
    words[Head.WORDS]! += size
    words[this.freeSlot(hash)] = entry
  }

  remove(hash: number, key: Uint8Array): void {
    const slot = this.slotOf(hash, key)
    if (slot !== 0) this.kill(this.words[slot]!)
  }

  /** Where the entries lie that are not dead. */
  *live(): Generator<number> {
    for (let slot = this.slots; slot < this.start; slot++) if (this.words[slot] !== 0) yield this.words[slot]!
  }

  /** Takes an entry out; its room is taken back when its turn comes. */
  kill(entry: number): void {
    const { words } = this
    this.relocate(entry, 0)
    words[entry + Entry.STATE] = State.DEAD
    words[Head.ENTRIES]!--
    words[Head.WORDS]! -= words[entry + Entry.SIZE]!
  }

  /** A slot of the hash's bucket; where all are taken, that of the oldest, one that was not used before all that were. */
  private freeSlot(hash: number): number {
    const bucket = this.bucket(hash)
    let worst = bucket
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      if (this.words[slot] === 0) return slot
      if (this.worth(slot) < this.worth(worst)) worst = slot
    }
    this.kill(this.words[worst]!)
    return worst
  }

  private worth(slot: number): number {
    const entry = this.words[slot]!
    return this.time(entry + Entry.STORED) + (this.words[entry + Entry.STATE] === State.USED ? HIGH * HIGH : 0)
  }

  private relocate(from: number, to: number): void {
    const bucket = this.bucket(this.words[from + Entry.HASH]!)
    for (let slot = bucket; slot < bucket + WAYS; slot++) if (this.words[slot] === from) this.words[slot] = to
  }

  /** Room for `size` words, made by dropping the oldest entries. */
  private append(size: number): number {
    for (let spared = 0; ; ) {
      const at = this.claim(size)
      if (at !== 0) return at
      const oldest = this.release()
      if (this.words[oldest + Entry.STATE] === State.DEAD) continue
      const used = this.words[oldest + Entry.STATE] === State.USED
      if (!used || spared++ >= MOST_SPARED || !this.spare(oldest)) this.kill(oldest)
    }
  }

  /** Writes an entry that was just released anew at the head, over itself if need be. */
  private spare(entry: number): boolean {
    const size = this.words[entry + Entry.SIZE]!
    const to = this.claim(size)
    if (to === 0) return false
    this.relocate(entry, to)
    this.words.copyWithin(to, entry, entry + size)
    this.words[to + Entry.STATE] = State.IDLE
    return true
  }

  /** Words at the head that no entry lies in; 0 where there is no room. */
  private claim(size: number): number {
    const { words } = this
    if (words[Head.RINGED] === 0) {
      words[Head.HEAD] = words[Head.TAIL] = this.start
      words[Head.WRAP] = this.end
    }
    const wrapped = words[Head.RINGED]! > 0 && words[Head.HEAD]! <= words[Head.TAIL]!
    if (!wrapped && words[Head.HEAD]! + size > this.end) {
      // The rest of the ring stays unused this time round.
      if (this.start + size > words[Head.TAIL]!) return 0
      words[Head.WRAP] = words[Head.HEAD]!
      words[Head.HEAD] = this.start
    } else if (wrapped && words[Head.HEAD]! + size > words[Head.TAIL]!) return 0
    const at = words[Head.HEAD]!
    words[Head.HEAD] = at + size
    words[Head.RINGED]!++
    return at
  }

  /** Takes the oldest entry out of the ring; its words stay as they are until something is written there. */
  private release(): number {
    const { words } = this
    const oldest = words[Head.TAIL]!
    words[Head.TAIL] = oldest + words[oldest + Entry.SIZE]!
    words[Head.RINGED]!--
    if (words[Head.TAIL] === words[Head.WRAP] && words[Head.RINGED]! > 0) {
      words[Head.TAIL] = this.start
      words[Head.WRAP] = this.end
    }
    return oldest
  }

  private time(at: number): number {
    return this.words[at]! * HIGH + this.words[at + 1]! - BIAS
  }

  private setTime(at: number, milliseconds: number): void {
    const biased = Math.floor(milliseconds) + BIAS
    this.words[at] = Math.floor(biased / HIGH)
    this.words[at + 1] = biased % HIGH
  }
}

function wordsOf(octets: number): number {
  return (octets + 3) >> 2
}
