import type { Clock } from '../../host/clock.ts'
import { VaultError } from './error.ts'

/** Guesses that one address has in a while. In memory, so a restart forgives. */
export interface Allowance {
  /** Throws 503 where the address has guessed too often. */
  check(address: string): void
  /** It was wrong once more. */
  count(address: string): void
}

const MOST = 20
const WHILE = 60_000
/** Addresses that are remembered; the one that was wrong longest ago is forgotten first. */
const REMEMBERED = 10_000

export function createAllowance(clock: Clock): Allowance {
  const wrong = new Map<string, { times: number; since: number }>()
  const known = (address: string) => {
    const found = wrong.get(address)
    return found && clock.monotonic() - found.since < WHILE ? found : undefined
  }
  return {
    check(address) {
      if ((known(address)?.times ?? 0) >= MOST)
        throw new VaultError(503, 'too many wrong tokens from this address; wait a minute')
    },
    count(address) {
      const { times, since } = known(address) ?? { times: 0, since: clock.monotonic() }
      wrong.delete(address)
      wrong.set(address, { times: times + 1, since })
      if (wrong.size > REMEMBERED) wrong.delete(wrong.keys().next().value!)
    },
  }
}
