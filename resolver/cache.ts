import { Flag } from '../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../dns/message.ts'
import type { ResourceRecord } from '../dns/record.ts'
import type { Security } from './validate/security.ts'

/** What is kept of an answer: its records with the TTLs they came with. */
export interface Cacheable {
  rcode: number
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  /** AD: it was validated, by us or by the server that answered. */
  authentic: boolean
  /** What our own validation came to, where there was one. */
  security?: Security
  /** The chain in `answer` ends at its last target, for which somebody else is to be asked. */
  unfinished: boolean
}

/** An answer found in the cache. Its TTLs are those it was stored with: `age` is to be taken off. */
export interface CacheHit extends Cacheable {
  /** Seconds since it was stored. */
  age: number
  /** Whether it is past its TTL, and so only for when no server answers (RFC 8767). */
  stale: boolean
}

/** Answers by question, bounded in octets; the least recently used go first. */
export interface AnswerCache {
  get(key: string, now: number): CacheHit | undefined
  /** Keeps an answer for `ttl` seconds, and as stale for longer. */
  set(key: string, answer: Cacheable, ttl: number, now: number): void
  delete(key: string): void
  clear(): void
  readonly octets: number
  readonly size: number
}

interface Entry {
  /** The answer as a message without a question: a tenth of the memory that record objects take. */
  wire: Uint8Array
  /** Monotonic ms. */
  stored: number
  expires: number
  authentic: boolean
  security: Security | undefined
  unfinished: boolean
}

/** What an entry takes beside its key and wire form, as measured: the Map's slot, the object, the array's header. */
const ENTRY_OVERHEAD = 200
/** One entry may take so much of the cache, so that a huge answer does not push out all others. */
const LARGEST_SHARE = 64

/** An empty cache of at most `maxOctets`, which keeps expired answers for another `maxStale` seconds. */
export function createAnswerCache(maxOctets: number, maxStale: number): AnswerCache {
  const entries = new Map<string, Entry>()
  let octets = 0

  const remove = (key: string) => {
    const entry = entries.get(key)
    if (!entry || !entries.delete(key)) return
    octets -= cost(key, entry)
  }

  return {
    get(key, now) {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      if (now >= entry.expires + maxStale * 1000) {
        octets -= cost(key, entry)
        return undefined
      }
      // Reinserted, it is the most recently used: a Map keeps the order of insertion.
      entries.set(key, entry)
      return { ...unpack(entry), age: Math.floor((now - entry.stored) / 1000), stale: now >= entry.expires }
    },
    set(key, answer, ttl, now) {
      const entry = pack(answer, ttl, now)
      remove(key)
      if (cost(key, entry) > maxOctets / LARGEST_SHARE || isTruncated(entry)) return
      entries.set(key, entry)
      octets += cost(key, entry)
      for (const oldest of entries.keys()) {
        if (octets <= maxOctets) break
        remove(oldest)
      }
    },
    delete: remove,
    clear() {
      entries.clear()
      octets = 0
    },
    get octets() {
      return octets
    },
    get size() {
      return entries.size
    },
  }
}

function cost(key: string, entry: Entry): number {
  return key.length + entry.wire.length + ENTRY_OVERHEAD
}

/** Decompressed, a message may have outgrown 65,535 octets; half an answer is none. */
function isTruncated({ wire }: Entry): boolean {
  return ((wire[2]! << 8) & Flag.TC) !== 0
}

function pack(found: Cacheable, ttl: number, now: number): Entry {
  const { rcode, answer, authority, authentic, security, unfinished } = found
  const message: Message = { id: 0, flags: 0, opcode: 0, rcode, question: [], answer, authority, additional: [] }
  return { wire: writeMessage(message), stored: now, expires: now + ttl * 1000, authentic, security, unfinished }
}

function unpack({ wire, authentic, security, unfinished }: Entry): Cacheable {
  const { rcode, answer, authority } = parseMessage(wire)
  return { rcode, answer, authority, authentic, unfinished, ...(security && { security }) }
}
