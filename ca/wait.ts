import type { Clock } from '../host/clock.ts'

/** Resolves when `work` has settled, however, or after `ms` milliseconds; whether it has. */
export function settledWithin(clock: Clock, work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise(resolve => {
    const timer = clock.after(ms, () => resolve(false))
    const settled = () => {
      timer.cancel()
      resolve(true)
    }
    work.then(settled, settled)
  })
}

/** What `work` gives, or the error where it takes longer than `ms` milliseconds. */
export function answeredWithin<T>(clock: Clock, work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(late()))
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}
