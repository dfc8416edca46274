import { Flag } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { type Authorities, authorityRecords, readAuthorities } from '../routes/authorities.ts'
import type { Security } from '../validate/security.ts'
import type { CacheMemory } from './cache-memory.ts'

/** What is kept of an answer: its records with the TTLs they came with. */
export interface Cacheable {
  rcode: number
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  /** AD: it was validated, by us or by the server that answered. */
  authentic: boolean
  /** What our own validation came to, where there was one. */
  security?: Security
  /** Who said so, where authoritative servers were asked. */
  authorities?: Authorities
  /** The chain in `answer` ends at its last target, for which somebody else is to be asked. */
  unfinished: boolean
}

/** An answer found in the cache. Its TTLs are those it was stored with: `age` is to be taken off. */
export interface CacheHit extends Cacheable {
  /** Seconds since it was stored. */
  age: number
  /** Seconds that it was stored for. */
  lifetime: number
  /** Whether it is past its TTL, and so only for when no server answers (RFC 8767). */
  stale: boolean
}

/** Answers by question (`questionKey`). */
export interface AnswerCache {
  get(key: string, now: number): CacheHit | undefined
  /** Keeps an answer for `ttl` seconds, and as stale for longer. */
  set(key: string, answer: Cacheable, ttl: number, now: number): void
  delete(key: string): void
}

/** Bits of an entry. */
const AUTHENTIC = 1
const UNFINISHED = 2

/** The EDNS option, of those for private use, in which an entry has what validation came to. */
const SECURITY = 65_001

/** Octets in front of every key that tell whose answers these are. */
export const PARTITION_LENGTH = 8

/**
 * The part of `memory` that belongs to `partition`: a view under its rules. Expired answers are kept for another `maxStale` seconds. Times are
 * milliseconds of the monotonic clock.
 */
export function createAnswerCache(memory: CacheMemory, partition: Uint8Array, maxStale: number): AnswerCache {
  const keyOf = (key: string) => {
    const octets = new Uint8Array(PARTITION_LENGTH + key.length)
    octets.set(partition)
    for (let i = 0; i < key.length; i++) octets[PARTITION_LENGTH + i] = key.charCodeAt(i)
    return octets
  }
  return {
    get(key, now) {
      const entry = memory.get(keyOf(key))
      if (!entry || now >= entry.expires + maxStale * 1000) return undefined
      const { wire, flags, stored, expires } = entry
      return {
        ...unpack(wire, flags),
        age: Math.max(0, Math.floor((now - stored) / 1000)),
        lifetime: (expires - stored) / 1000,
        stale: now >= expires,
      }
    },
    set(key, answer, ttl, now) {
      const wire = pack(answer)
      // Decompressed, a message may have outgrown 65,535 octets; half an answer is none.
      if (((wire[2]! << 8) & Flag.TC) !== 0) memory.delete(keyOf(key))
      else memory.set(keyOf(key), { wire, flags: flagsOf(answer), stored: now, expires: now + ttl * 1000 })
    },
    delete: key => memory.delete(keyOf(key)),
  }
}

function flagsOf({ authentic, unfinished }: Cacheable): number {
  return (authentic ? AUTHENTIC : 0) | (unfinished ? UNFINISHED : 0)
}

/** The answer as a message without a question: a tenth of the memory that record objects take. */
function pack({ rcode, answer, authority, security, authorities }: Cacheable): Uint8Array {
  const additional = authorities ? authorityRecords(authorities) : []
  const message: Message = { id: 0, flags: 0, opcode: 0, rcode, question: [], answer, authority, additional }
  // Where there is one record, there is next to nothing to compress.
  if (!security) return writeMessage(message, { compress: answer.length + authority.length > 1 })
  const options = [{ code: SECURITY, data: Buffer.from(JSON.stringify(security)) }]
  return writeMessage({ ...message, edns: { udpSize: 512, version: 0, dnssecOk: false, options } })
}

function unpack(wire: Uint8Array, flags: number): Cacheable {
  const { rcode, answer, authority, additional, edns } = parseMessage(wire)
  const authorities = readAuthorities(additional)
  const security = edns?.options.find(({ code }) => code === SECURITY)
  return {
    rcode,
    answer,
    authority,
    authentic: (flags & AUTHENTIC) !== 0,
    unfinished: (flags & UNFINISHED) !== 0,
    ...(authorities && { authorities }),
    ...(security && { security: JSON.parse(Buffer.from(security.data).toString()) as Security }),
  }
}
