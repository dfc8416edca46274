/** Time as an argument: a real clock for the daemon, a simulated one for tests. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. May jump; use for dates that leave the process. */
  now(): number
  /** Milliseconds since an arbitrary start; never jumps. Use for TTLs, time-outs and ages. */
  monotonic(): number
  /** Runs `task` once after `ms` milliseconds. Does not keep the process alive. */
  after(ms: number, task: () => void): Timer
}

/** A pending task of a Clock. */
export interface Timer {
  cancel(): void
}

const LONGEST_TIMEOUT = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    let handle: NodeJS.Timeout
    // setTimeout fires at once beyond 2^31-1 ms (24.8 days): longer waits are made of several.
    const wait = (left: number) => {
      const step = Math.min(left, LONGEST_TIMEOUT)
      handle = setTimeout(() => (left > step ? wait(left - step) : task()), step)
      handle.unref()
    }
    wait(Math.max(0, ms))
    return { cancel: () => clearTimeout(handle) }
  },
}
