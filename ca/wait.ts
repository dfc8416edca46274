import type { Clock } from '../host/clock.ts'

/** Resolves when `work` has settled, however, or after `ms` milliseconds. */
export function settledWithin(clock: Clock, work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise(resolve => {
    const timer = clock.after(ms, resolve)
    const settled = () => {
      timer.cancel()
      resolve()
    }
    work.then(settled, settled)
  })
}
