import { mutate } from './mutate.ts'
import { createDice } from './random.ts'
import type { FuzzTarget } from './target.ts'

/** An input that broke a promise, and how. */
export interface Find {
  input: Uint8Array
  error: unknown
}

/** Checks `runs` mutations of the seeds, the same for the same `seed`; the first find ends it. */
export async function fuzz(
  target: FuzzTarget,
  seeds: readonly Uint8Array[],
  options: { runs: number; seed: number; progress?: (done: number) => void },
): Promise<Find | undefined> {
  const dice = createDice(options.seed)
  for (let done = 0; done < options.runs; done++) {
    const input = mutate(dice.pick(seeds), dice.pick(seeds), target.words, dice)
    try {
      const checked = target.check(input)
      if (checked) await checked
    } catch (error) {
      return { input, error }
    }
    if (done % 10_000 === 0) options.progress?.(done)
  }
  return undefined
}
