import { randomFillSync, randomInt } from 'node:crypto'

/** Randomness as an argument: the system's for the daemon, a seeded one for tests. */
export interface Random {
  /** `size` unpredictable bytes. */
  bytes(size: number): Uint8Array
  /** An unpredictable integer in [0, limit). */
  below(limit: number): number
}

/** The operating system's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: size => randomFillSync(new Uint8Array(size)),
  below: limit => randomInt(limit),
}
