/** Numbers that look random and are the same for the same seed (mulberry32). */
export interface Dice {
  /** An integer from 0 to `below` - 1. */
  roll(below: number): number
  pick<T>(list: readonly T[]): T
}

export function createDice(seed: number): Dice {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const roll = (below: number) => (below > 0 ? next() % below : 0)
  return { roll, pick: list => list[roll(list.length)]! }
}
