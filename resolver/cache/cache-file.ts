import { createHash } from 'node:crypto'
import { WireError } from '../../dns/errors.ts'
import { parseMessage } from '../../dns/message.ts'
import type { CacheEntry, CacheMemory } from './cache-memory.ts'

/** The first octets of a saved cache; another number where the form of entries changes. */
const MAGIC = Buffer.from('namestead cache 1\n')
const DIGEST = 32
/** Of an entry: two times, flags, two lengths. */
const HEAD = 8 + 8 + 4 + 2 + 4

/** What is needed to carry times of one process's clock to another's. */
export interface Instant {
  /** Milliseconds since 1970. */
  now: number
  monotonic: number
}

/** The entries of the cache with their times since 1970, and a digest over all. */
export function saveCache(memory: CacheMemory, at: Instant): Uint8Array {
  const parts: Uint8Array[] = [MAGIC]
  const shift = at.now - at.monotonic
  for (const { key, value } of memory.entries()) {
    const head = Buffer.alloc(HEAD)
    head.writeDoubleBE(value.stored + shift, 0)
    head.writeDoubleBE(value.expires + shift, 8)
    head.writeUInt32BE(value.flags >>> 0, 16)
    head.writeUInt16BE(key.length, 20)
    head.writeUInt32BE(value.wire.length, 22)
    parts.push(head, key, value.wire)
  }
  const body = Buffer.concat(parts)
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

/** Fills the cache with what was saved, and returns how many entries; undefined where the file is damaged or of another version. */
export function loadCache(memory: CacheMemory, file: Uint8Array, at: Instant): number | undefined {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.length)
  const body = buffer.subarray(0, Math.max(0, buffer.length - DIGEST))
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (!createHash('sha256').update(body).digest().equals(buffer.subarray(body.length))) return undefined
  let count = 0
  for (let offset = MAGIC.length; offset + HEAD <= body.length; ) {
    const keyLength = body.readUInt16BE(offset + 20)
    const end = offset + HEAD + keyLength + body.readUInt32BE(offset + 22)
    if (end > body.length) return undefined
    const entry = readEntry(body.subarray(offset, end), keyLength, at)
    if (entry) {
      memory.set(entry.key, entry.value)
      count++
    }
    offset = end
  }
  return count
}

/** An entry as this process's clock has it; none where it lies in the future or is no message. */
function readEntry(octets: Buffer, keyLength: number, at: Instant): { key: Uint8Array; value: CacheEntry } | undefined {
  const shift = at.monotonic - at.now
  const wire = octets.subarray(HEAD + keyLength)
  // A clock that was set back must not make anything live longer.
  if (octets.readDoubleBE(0) > at.now || !isMessage(wire)) return undefined
  return {
    key: octets.subarray(HEAD, HEAD + keyLength),
    value: {
      wire,
      flags: octets.readUInt32BE(16),
      stored: octets.readDoubleBE(0) + shift,
      expires: octets.readDoubleBE(8) + shift,
    },
  }
}

function isMessage(wire: Uint8Array): boolean {
  try {
    parseMessage(wire)
    return true
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}
