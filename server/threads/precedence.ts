import type { Clock } from '../../host/clock.ts'
import type { Libc } from '../listen/libc.ts'
import { goFirst, goWithOthers } from './priorities.ts'

/** Milliseconds after which is looked again: short bursts are no flood. */
const WINDOW = 250
/** The share of a processor from which on a thread goes first no more. */
const MUCH = 0.5
/** Windows for which it then goes with the others at least: more than in which it would take all. */
const REST = 3

/** Microseconds of processor time that the calling thread has used. */
export type ThreadTime = () => number

/**
 * Lets the calling thread run before all others while it takes less than half of a processor: then no query waits for whatever else the machine does,
 * and a flood of queries takes that from nobody. False, and nothing changes, where the system forbids it.
 */
export function keepPrecedence(libc: Libc | undefined, clock: Clock, used: ThreadTime = threadTime): boolean {
  if (!goFirst(libc)) return false
  let rest = 0
  let at = clock.monotonic()
  let before = used()
  const look = (): void => {
    const now = clock.monotonic()
    const time = used()
    const much = (time - before) / 1000 >= (now - at) * MUCH
    if (rest === 0) {
      if (much && goWithOthers(libc)) rest = REST
    } else if (rest > 1) rest--
    // It may take little only because others have the rest: then it is tried.
    else if (!much && goFirst(libc)) rest = 0
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
