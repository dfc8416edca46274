import { randomInt } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/schema.ts'
import { isSubdomain, type Name, nameKey } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { PARTITION_LENGTH } from '../../resolver/cache/cache.ts'
import { loadCache, saveCache } from '../../resolver/cache/cache-file.ts'
import { CacheMemory, createCacheBuffer } from '../../resolver/cache/cache-memory.ts'
import { KEY_NAME_AT } from '../../resolver/question.ts'
import { MAIN_HOLDER } from '../threads/place.ts'

/** The resolver cache of the daemon. */
export interface ResolverCache {
  /** For the threads. */
  readonly buffer: SharedArrayBuffer
  readonly memory: CacheMemory
  /** Removes answers; returns how many. */
  flush(what: Flush): number
  /** Keeps the cache for the next start, where the configuration says so. */
  save(config: Config): void
}

/** What is taken out of the cache: all that every given part holds of. */
export interface Flush {
  /** Of these views' parts alone. */
  partitions?: readonly Uint8Array[]
  name?: Name
  /** With `name`: and all below it. */
  subtree?: boolean
}

const FILE = 'resolver-cache'
const MIB = 2 ** 20

/** Makes the cache, and takes up what the last run has left. The file is removed: it is of one time only. */
export function openResolverCache(config: Config, clock: Clock, log: Log): ResolverCache {
  const buffer = createCacheBuffer(config.cache.size * MIB, randomInt(2 ** 31))
  const memory = new CacheMemory(buffer, MAIN_HOLDER)
  const path = join(config.data_dir, FILE)
  const at = () => ({ now: clock.now(), monotonic: clock.monotonic() })
  takeUp()

  function takeUp(): void {
    try {
      const file = readFileSync(path)
      rmSync(path)
      if (!config.cache.save) return
      const count = loadCache(memory, file, at())
      if (count === undefined)
        log.warn({ path }, 'the saved resolver cache is damaged or of another version: it is not used')
      else log.info({ entries: count }, 'took up the resolver cache')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      log.warn({ path, error: String(error) }, 'the saved resolver cache could not be read')
    }
  }

  return {
    buffer,
    memory,
    flush: what => memory.removeWhere(key => isMeant(key, what)),
    save(config) {
      if (!config.cache.save || memory.size === 0) return
      try {
        writeFileSync(`${path}.new`, saveCache(memory, at()), { mode: 0o600 })
        renameSync(`${path}.new`, path)
      } catch (error) {
        log.warn({ path, error: String(error) }, 'the resolver cache could not be saved')
      }
    },
  }
}

/** A key is the view's partition and a `questionKey`. */
function isMeant(key: Uint8Array, { partitions, name, subtree }: Flush): boolean {
  const same = (partition: Uint8Array) => partition.every((octet, i) => octet === key[i])
  if (partitions && !partitions.some(same)) return false
  if (!name) return true
  const owner = nameAt(key, PARTITION_LENGTH + KEY_NAME_AT)
  return subtree ? isSubdomain(owner, name) : nameKey(owner) === nameKey(name)
}

function nameAt(octets: Uint8Array, at: number): Name {
  let end = at
  while (octets[end]! !== 0) end += octets[end]! + 1
  return octets.subarray(at, end + 1)
}
