import { Flag } from '../../dns/codes.ts'
import { LOWER } from '../../dns/name.ts'
import type { Query } from '../../dns/query.ts'
import { type ResponseWriter, Section, UDP_PAYLOAD } from '../../dns/response.ts'
import { AnswerLog, Entry, NEVER } from './answer-log.ts'

/** A zone whose content changes: an answer made from it is good as long as its latest version is the same. */
export interface Versioned {
  latest(): { readonly at: number }
}

/** What an answer was made from. */
export interface AnswerSource {
  /** The zones it came from, by their number in the cache's list, and the version of each. */
  zones: readonly number[]
  versions: readonly number[]
  /** Seconds until it must not be used any more, for what others told us; its TTLs then count down. Undefined for our own zones' content. */
  ttl?: number
  /** What `note` is to tell where it is found, up to 65535. */
  note?: number
}

/** No answer was made from a version of it. */
const GONE: Versioned = { latest: () => ({ at: 0 }) }

/** Longer answers are not kept. */
const LONGEST = 4096
const HEADER = 12
const OPT = 11
/** Slots that a hash may lie in. A slot is two words, the hash and the entry, so that the slots of a hash share a line of the CPU's cache. */
const WAYS = 8
const SLOT = 2
const BUCKET = WAYS * SLOT
/** Words before the first bucket: large blocks begin 16 octets after a line. */
const ALIGNMENT = 12
/** Average octets of an entry, roughly; the table is sized by it. */
const TYPICAL = 64
/** Octets of the cache for each note of a question that was asked. */
const NOTED = 32

/**
 * Answers as they were sent, in front of everything: typed arrays of a fixed size, and no object for an entry. The key is the QNAME in lower case,
 * QTYPE, QCLASS and `facts`, a number for all else that an answer depends on (view, DO, CD, whether the client may recurse).
 * ID, letter case, RD, CD and OPT are the query's own. A full cache forgets first what was asked for only once.
 */
export class AnswerCache {
  private readonly log: AnswerLog
  private readonly slots: Int32Array
  private readonly mask: number
  private readonly seed: number
  /** By hash, eight more bits of the hash of what was asked last. */
  private readonly notes: Uint8Array
  /** Of the question that `find` found nothing for. */
  private missed = 0
  private zones: Versioned[] = []
  /** Of the answer that was found last, what it was kept with; 0 where that was nothing. */
  note = 0

  /** @param octets of memory for entries; @param seed unpredictable, so that nobody can choose names that meet in one slot */
  constructor(octets: number, seed: number) {
    const buckets = 2 ** Math.ceil(Math.log2(octets / TYPICAL / WAYS))
    this.mask = buckets - 1
    this.slots = new Int32Array(ALIGNMENT + buckets * BUCKET)
    this.notes = new Uint8Array(2 ** Math.ceil(Math.log2(octets / NOTED)))
    this.seed = seed | 0
    this.log = new AnswerLog(octets, (hash, from, to) => this.moved(hash, from, to))
  }

  /** Answers kept, and the octets they take. */
  get entries(): number {
    return this.log.entries
  }
  get octets(): number {
    return this.log.octets
  }

  /** Forgets everything: there are other zones. */
  reset(zones: readonly Versioned[]): void {
    this.zones = [...zones]
    this.slots.fill(0)
    this.log.clear()
  }

  /**
   * The zone of number `before` has the number `after`, the next one, from now on: another image, whose versions are not to be taken for those of
   * the one before. Answers that were made from that are not good any more; all others are.
   */
  renumber(before: number, after: number, zone: Versioned): void {
    this.zones[before] = GONE
    this.zones[after] = zone
  }

  /**
   * Writes the answer to `query` at `out[outAt]` and returns its length; 0 where there is none, or none that fits `limit`.
   * @param now seconds, never going back
   */
  find(query: Query, facts: number, now: number, out: Uint8Array, outAt: number, limit: number): number {
    const hash = this.hash(query, facts)
    const { slots } = this
    const bucket = this.bucketOf(hash)
    this.missed = hash
    for (let slot = bucket; slot < bucket + BUCKET; slot += SLOT) {
      if (slots[slot] !== hash) continue
      const entry = slots[slot + 1]!
      if (entry === 0 || !this.matches(entry, query, facts)) continue
      if (this.fresh(entry, now)) return this.write(entry, query, now, out, outAt, limit)
      slots[slot + 1] = 0
      this.log.kill(entry)
      return 0
    }
    return 0
  }

  /**
   * Whether the question that `find` has found nothing for was asked before, lately: only then an answer that is cheap to make is worth
   * keeping. So a flood of names that are asked for once costs a note for each, and no more.
   */
  isWanted(): boolean {
    const { notes, missed } = this
    const at = (missed >>> 8) & (notes.length - 1)
    const note = missed & 255
    if (notes[at] === note) return true
    notes[at] = note
    return false
  }

  /** Keeps the answer that `response` has finished in place of an earlier one, unless it is truncated. Its OPT is not kept: the options in it must be the query's affair. */
  keep(query: Query, facts: number, response: ResponseWriter, source: AnswerSource, now: number): void {
    if (response.truncated || response.rcode > 15) return
    const hash = this.hash(query, facts)
    const bodyAt = HEADER + query.nameLength + 4
    const length = response.pos - bodyAt
    const ttls = source.ttl === undefined ? NO_TTLS : ttlOffsets(response, bodyAt)
    const words = Entry.HEADER + source.zones.length * 2
    const fits = length <= LONGEST && source.ttl !== 0
    const entry = fits ? this.log.allocate(words, query.nameLength + length + ttls.length * 2) : 0
    if (entry === 0) {
      this.forget(hash, query, facts)
      return
    }
    this.log.words[entry + Entry.HASH] = hash
    this.log.words[entry + Entry.FACTS] = facts
    this.describe(entry, response, source, now)
    this.fill(entry, query, response, source, ttls)
    this.place(hash, entry, query, facts)
  }

  /** What is to be known of the answer without looking into it. */
  private describe(entry: number, response: ResponseWriter, source: AnswerSource, now: number): void {
    const { words } = this.log
    const { buf } = response
    words[entry + Entry.STORED] = now
    words[entry + Entry.EXPIRES] = source.ttl === undefined ? NEVER : now + source.ttl
    words[entry + Entry.FLAGS] = ((buf[2]! << 8) | buf[3]!) & ~(Flag.RD | Flag.CD)
    words[entry + Entry.ANSWERS] = (response.count(Section.ANSWER) << 16) | response.count(Section.AUTHORITY)
    words[entry + Entry.ADDITIONALS] = ((source.note ?? 0) << 16) | response.count(Section.ADDITIONAL)
  }

  /** What varies in length: zones and their versions, the name, the records, the places of the TTLs. */
  private fill(
    entry: number,
    query: Query,
    response: ResponseWriter,
    { zones, versions }: AnswerSource,
    ttls: readonly number[],
  ): void {
    const { words, bytes } = this.log
    const bodyAt = HEADER + query.nameLength + 4
    words[entry + Entry.QUESTION] = (query.qtype << 16) | query.qclass
    words[entry + Entry.LENGTHS] = ((response.pos - bodyAt) << 16) | query.nameLength
    words[entry + Entry.COUNTS] = (zones.length << 16) | ttls.length
    let at = entry + Entry.HEADER
    for (let i = 0; i < zones.length; i++) {
      words[at++] = zones[i]!
      words[at++] = versions[i]!
    }
    let to = at * 4
    for (let i = 0; i < query.nameLength; i++) bytes[to++] = LOWER[query.buf[query.nameAt + i]!]!
    bytes.set(response.buf.subarray(bodyAt, response.pos), to)
    to += response.pos - bodyAt
    for (const offset of ttls) {
      bytes[to++] = offset >>> 8
      bytes[to++] = offset
    }
  }

  /** Where the slots of a hash begin. */
  private bucketOf(hash: number): number {
    return ALIGNMENT + (hash & this.mask) * BUCKET
  }

  /** Puts a new entry into its bucket: over the one of the same key, into a free slot, or over the oldest. */
  private place(hash: number, entry: number, query: Query, facts: number): void {
    const { slots, log } = this
    const bucket = this.bucketOf(hash)
    let free = -1
    let oldest = bucket
    for (let slot = bucket; slot < bucket + BUCKET; slot += SLOT) {
      const other = slots[slot + 1]!
      if (other === 0) {
        if (free < 0) free = slot
      } else if (slots[slot] === hash && this.matches(other, query, facts)) {
        log.kill(other)
        slots[slot + 1] = entry
        return
      } else if (log.words[other + Entry.STORED]! < log.words[slots[oldest + 1]! + Entry.STORED]!) oldest = slot
    }
    if (free < 0) {
      log.kill(slots[oldest + 1]!)
      free = oldest
    }
    slots[free] = hash
    slots[free + 1] = entry
  }

  /** What was kept for the key is not what would be answered now. */
  private forget(hash: number, query: Query, facts: number): void {
    const { slots } = this
    const bucket = this.bucketOf(hash)
    for (let slot = bucket; slot < bucket + BUCKET; slot += SLOT) {
      const entry = slots[slot + 1]!
      if (entry === 0 || slots[slot] !== hash || !this.matches(entry, query, facts)) continue
      slots[slot + 1] = 0
      this.log.kill(entry)
    }
  }

  /** The log has moved an entry, or dropped it (`to` is 0). */
  private moved(hash: number, from: number, to: number): void {
    const { slots } = this
    const bucket = this.bucketOf(hash)
    for (let slot = bucket + 1; slot < bucket + BUCKET; slot += SLOT) if (slots[slot] === from) slots[slot] = to
  }

  private hash(query: Query, facts: number): number {
    const { buf, nameAt } = query
    let hash = this.seed ^ facts
    for (let i = nameAt, end = nameAt + query.nameLength; i < end; i++)
      hash = Math.imul(hash ^ LOWER[buf[i]!]!, 0x01000193)
    hash = Math.imul(hash ^ ((query.qtype << 16) | query.qclass), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    return hash ^ (hash >>> 13)
  }

  private matches(entry: number, query: Query, facts: number): boolean {
    const { words, bytes } = this.log
    if (words[entry + Entry.FACTS] !== facts) return false
    if (words[entry + Entry.QUESTION] !== ((query.qtype << 16) | query.qclass) >>> 0) return false
    const length = words[entry + Entry.LENGTHS]! & 0xffff
    if (length !== query.nameLength) return false
    const { buf, nameAt } = query
    const at = (entry + Entry.HEADER + (words[entry + Entry.COUNTS]! >>> 16) * 2) * 4
    for (let i = 0; i < length; i++) if (bytes[at + i] !== LOWER[buf[nameAt + i]!]) return false
    return true
  }

  private fresh(entry: number, now: number): boolean {
    const { words } = this.log
    if (words[entry + Entry.EXPIRES]! <= now) return false
    const count = words[entry + Entry.COUNTS]! >>> 16
    for (let i = 0, at = entry + Entry.HEADER; i < count; i++, at += 2)
      if (this.zones[words[at]!]!.latest().at !== words[at + 1]) return false
    return true
  }

  private write(entry: number, query: Query, now: number, out: Uint8Array, outAt: number, limit: number): number {
    const { words, bytes } = this.log
    const nameLength = query.nameLength
    const length = words[entry + Entry.LENGTHS]! >>> 16
    const total = HEADER + nameLength + 4 + length + (query.hasEdns ? OPT : 0)
    if (total > limit) return 0
    this.log.touch(entry)
    const flags = words[entry + Entry.FLAGS]! | (query.flags & (Flag.RD | Flag.CD))
    const { buf, start } = query
    out[outAt] = buf[start]!
    out[outAt + 1] = buf[start + 1]!
    out[outAt + 2] = flags >>> 8
    out[outAt + 3] = flags
    out[outAt + 4] = 0
    out[outAt + 5] = 1
    const additionals = words[entry + Entry.ADDITIONALS]!
    this.note = additionals >>> 16
    writeCounts(out, outAt, words[entry + Entry.ANSWERS]!, (additionals & 0xffff) + (query.hasEdns ? 1 : 0))
    let to = outAt + HEADER
    for (let i = query.nameAt, end = i + nameLength + 4; i < end; i++) out[to++] = buf[i]!
    const bodyAt = to
    const counts = words[entry + Entry.COUNTS]!
    const from = (entry + Entry.HEADER + (counts >>> 16) * 2) * 4 + nameLength
    for (let i = from, end = from + length; i < end; i++) out[to++] = bytes[i]!
    const elapsed = now - words[entry + Entry.STORED]!
    if ((counts & 0xffff) !== 0 && elapsed > 0) this.countDown(from + length, counts & 0xffff, elapsed, out, bodyAt)
    if (query.hasEdns) writeOpt(out, to, query.dnssecOk)
    return total
  }

  /** RFC 2181 §8, RFC 1035 §3.2.1: what is passed on has the time left to live. */
  private countDown(offsetsAt: number, count: number, elapsed: number, out: Uint8Array, bodyAt: number): void {
    const { bytes } = this.log
    for (let i = 0; i < count; i++) {
      const at = bodyAt + ((bytes[offsetsAt + 2 * i]! << 8) | bytes[offsetsAt + 2 * i + 1]!)
      const ttl = ((out[at]! << 24) | (out[at + 1]! << 16) | (out[at + 2]! << 8) | out[at + 3]!) >>> 0
      const left = ttl > elapsed ? ttl - elapsed : 0
      out[at] = left >>> 24
      out[at + 1] = left >>> 16
      out[at + 2] = left >>> 8
      out[at + 3] = left
    }
  }
}

const NO_TTLS: readonly number[] = []

function writeCounts(out: Uint8Array, at: number, answers: number, additionals: number): void {
  out[at + 6] = answers >>> 24
  out[at + 7] = answers >>> 16
  out[at + 8] = answers >>> 8
  out[at + 9] = answers
  out[at + 10] = additionals >>> 8
  out[at + 11] = additionals
}

/** RFC 6891 §6.1.2: root owner, type 41, our payload size, no extended RCODE, version 0, DO as it came. */
function writeOpt(out: Uint8Array, at: number, dnssecOk: boolean): void {
  out[at] = 0
  out[at + 1] = 0
  out[at + 2] = 41
  out[at + 3] = UDP_PAYLOAD >>> 8
  out[at + 4] = UDP_PAYLOAD & 255
  out[at + 5] = 0
  out[at + 6] = 0
  out[at + 7] = dnssecOk ? 0x80 : 0
  out[at + 8] = 0
  out[at + 9] = 0
  out[at + 10] = 0
}

/** Where the TTLs of the records lie, counted from the first record. */
function ttlOffsets(response: ResponseWriter, bodyAt: number): number[] {
  const { buf } = response
  const count = response.count(Section.ANSWER) + response.count(Section.AUTHORITY) + response.count(Section.ADDITIONAL)
  const offsets: number[] = []
  let at = bodyAt
  for (let i = 0; i < count; i++) {
    while (buf[at]! !== 0 && buf[at]! < 0xc0) at += buf[at]! + 1
    at += buf[at]! === 0 ? 1 : 2
    offsets.push(at + 4 - bodyAt)
    at += 10 + ((buf[at + 8]! << 8) | buf[at + 9]!)
  }
  return offsets
}
