import type { Clock } from '../../host/clock.ts'
import type { Libc } from '../listen/libc.ts'
import { goFirst, goWithOthers } from './priorities.ts'

/** Milliseconds after which is looked again. */
const WINDOW = 50
/** The share of a processor below which a thread goes first, and the one from which on it does not any more. */
const LITTLE = 0.25
const MUCH = 0.5

/** Microseconds of processor time that the calling thread has used. */
export type ThreadTime = () => number

/**
 * Lets the calling thread run before all others while it takes less than half of a processor: then no query waits for whatever else the machine does,
 * and a flood of queries takes that from nobody. False, and nothing changes, where the system forbids it.
 */
export function keepPrecedence(libc: Libc | undefined, clock: Clock, used: ThreadTime = threadTime): boolean {
  if (!goFirst(libc)) return false
  let first = true
  let at = clock.monotonic()
  let before = used()
  const look = (): void => {
    const now = clock.monotonic()
    const time = used()
    const share = (time - before) / 1000 / (now - at)
    if (first && share >= MUCH) first = !goWithOthers(libc)
    else if (!first && share < LITTLE) first = goFirst(libc)
    at = now
    before = time
    clock.after(WINDOW, look)
  }
  clock.after(WINDOW, look)
  return true
}

function threadTime(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
