import { type CacheEntry, CacheSegment } from './cache-segment.ts'

export type { CacheEntry } from './cache-segment.ts'

/** Words in front of the segments: their number, and the seed of the hash. */
const HEADER = 2
const SEGMENTS = 16
/** A smaller memory is one segment. */
const LEAST_SHARED = 4 * 2 ** 20
const MOST_OCTETS = 2 ** 31

/** Memory for a cache of about `octets`, to be given to every thread. @param seed unpredictable, so that nobody can choose names that meet in one slot */
export function createCacheBuffer(octets: number, seed: number): SharedArrayBuffer {
  const count = octets < LEAST_SHARED ? 1 : SEGMENTS
  const words = Math.max(256, Math.floor(Math.min(octets, MOST_OCTETS) / 4 / count))
  const buffer = new SharedArrayBuffer((HEADER + words * count) * 4)
  const header = new Uint32Array(buffer, 0, HEADER)
  header[0] = count
  header[1] = seed
  for (const segment of segmentsOf(buffer, 0)) segment.clear()
  return buffer
}

function segmentsOf(buffer: SharedArrayBuffer, holder: number): CacheSegment[] {
  const count = new Uint32Array(buffer, 0, HEADER)[0]!
  const words = Math.floor((buffer.byteLength / 4 - HEADER) / count)
  return Array.from({ length: count }, (_, i) => new CacheSegment(buffer, HEADER + i * words, words, holder))
}

/**
 * The memory of the resolver cache, one for all threads: what one has learned serves all, survives a thread's crash, is bounded once and
 * can be flushed and saved from anywhere. It lies in segments, each with a lock that is held for about a microsecond. Who can't have the
 * lock in time goes on without: a cache may always miss.
 */
export class CacheMemory {
  private readonly segments: readonly CacheSegment[]
  private readonly seed: number

  /** @param holder number of the thread, from 1: locks bear it */
  constructor(buffer: SharedArrayBuffer, holder: number) {
    this.segments = segmentsOf(buffer, holder)
    this.seed = new Uint32Array(buffer, 0, HEADER)[1]!
  }

  /** The entry of that key, a copy. */
  get(key: Uint8Array): CacheEntry | undefined {
    const hash = this.hash(key)
    const segment = this.segmentOf(hash)
    return segment.locked(() => {
      const entry = segment.find(hash, key)
      return entry === 0 ? undefined : segment.read(entry)
    })
  }

  /** Keeps an entry in place of an earlier one of the key; one that is too big is not kept. */
  set(key: Uint8Array, value: CacheEntry): void {
    const hash = this.hash(key)
    const segment = this.segmentOf(hash)
    segment.locked(() => segment.store(hash, key, value))
  }

  delete(key: Uint8Array): void {
    const hash = this.hash(key)
    const segment = this.segmentOf(hash)
    segment.locked(() => segment.remove(hash, key))
  }

  /** Removes all entries whose key passes; returns how many. */
  removeWhere(test: (key: Uint8Array) => boolean): number {
    let removed = 0
    for (const segment of this.segments)
      segment.locked(() => {
        for (const entry of segment.live()) {
          if (!test(segment.keyOf(entry))) continue
          segment.kill(entry)
          removed++
        }
      })
    return removed
  }

  /** All entries with their keys, copies, a segment at a time. */
  *entries(): Generator<{ key: Uint8Array; value: CacheEntry }> {
    for (const segment of this.segments) {
      const copies = segment.locked(() =>
        [...segment.live()].map(entry => ({ key: segment.keyOf(entry).slice(), value: segment.read(entry) })),
      )
      if (copies) yield* copies
    }
  }

  /** A thread has died: what it was writing is forgotten, and its locks are free again. */
  releaseLocksOf(holder: number): void {
    for (const segment of this.segments) segment.releaseOf(holder)
  }

  clear(): void {
    for (const segment of this.segments) segment.locked(() => segment.clear())
  }

  /** Octets that the entries take. */
  get octets(): number {
    return this.segments.reduce((sum, segment) => sum + segment.octets, 0)
  }

  get size(): number {
    return this.segments.reduce((sum, segment) => sum + segment.entries, 0)
  }

  private segmentOf(hash: number): CacheSegment {
    return this.segments[(hash >>> 28) % this.segments.length]!
  }

  private hash(key: Uint8Array): number {
    let hash = this.seed
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    return (hash ^ (hash >>> 13)) >>> 0
  }
}
