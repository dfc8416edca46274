/** Time as an argument: a real clock for the daemon, a simulated one for tests. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. May jump; use for dates that leave the process. */
  now(): number
  /** Milliseconds since an arbitrary start, the same for all threads; never jumps. Use for TTLs, time-outs and ages. */
  monotonic(): number
  /** Runs `task` once after `ms` milliseconds. Does not keep the process alive. */
  after(ms: number, task: () => void): Timer
}

/** A pending task of a Clock. */
export interface Timer {
  cancel(): void
}

const LONGEST_TIMEOUT = 2 ** 31 - 1

/** Pairs of readings that the start of a thread is taken from. */
const PAIRS = 8

/**
 * When the clock `own` was at zero by the clock `kernel`, both in milliseconds. A thread may be put aside between two readings, and would be late
 * for the rest of its life: of several pairs the one that was read in the shortest time counts.
 */
export function startOf(kernel: () => number, own: () => number): number {
  const pairs = Array.from({ length: PAIRS }, () => {
    const before = own()
    return { start: kernel() - before, took: own() - before }
  })
  return pairs.reduce((closest, pair) => (pair.took < closest.took ? pair : closest)).start
}

/** `performance.now()` counts from the start of each thread; the kernel's monotonic clock, which it reads, is one for all. */
const THREAD_START = startOf(
  () => Number(process.hrtime.bigint()) / 1e6,
  () => performance.now(),
)

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => THREAD_START + performance.now(),
  after: (ms, task) => new SystemTimer(Math.max(0, ms), task),
}

class SystemTimer implements Timer {
  private handle: NodeJS.Timeout

  constructor(ms: number, task: () => void) {
    this.handle = ms <= LONGEST_TIMEOUT ? setTimeout(task, ms) : this.wait(ms, task)
    this.handle.unref()
  }

  /** setTimeout fires at once beyond 2^31-1 ms (24.8 days): longer waits are made of several. */
  private wait(left: number, task: () => void): NodeJS.Timeout {
    if (left <= LONGEST_TIMEOUT) return setTimeout(task, left)
    const goOn = () => {
      this.handle = this.wait(left - LONGEST_TIMEOUT, task).unref()
    }
    return setTimeout(goOn, LONGEST_TIMEOUT)
  }

  cancel(): void {
    clearTimeout(this.handle)
  }
}
