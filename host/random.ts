import { randomFillSync, randomInt } from 'node:crypto'

/** Randomness as an argument: the system's for the daemon, a seeded one for tests. */
export interface Random {
  /** `size` unpredictable bytes. */
  bytes(size: number): Uint8Array
  /** An unpredictable integer in [0, limit). */
  below(limit: number): number
}

/** Octets that are asked of the operating system at once; larger wishes go to it alone. */
const POOL = 4096

/** The operating system's cryptographic randomness. */
export const systemRandom: Random = createSystemRandom()

function createSystemRandom(): Random {
  const pool = new Uint8Array(POOL)
  /** Octets of the pool that have been handed out, and are zero. */
  let used = POOL
  return {
    bytes(size) {
      if (size > POOL) return randomFillSync(new Uint8Array(size))
      if (used + size > POOL) {
        randomFillSync(pool)
        used = 0
      }
      const bytes = pool.slice(used, used + size)
      pool.fill(0, used, (used += size))
      return bytes
    },
    below: limit => randomInt(limit),
  }
}
