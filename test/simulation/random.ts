import type { Random } from '../../host/random.ts'

/** The same sequence for the same seed (mulberry32): for simulations only, never for anything that must not be guessed. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return {
    bytes: size => Uint8Array.from({ length: size }, () => next() & 0xff),
    below: limit => Math.floor((next() / 2 ** 32) * limit),
  }
}
