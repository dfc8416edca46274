import type { Clock, Timer } from '../../host/clock.ts'

/** A clock that moves only when told to; between two timers everything that waits on promises gets its turn. */
export interface SimulatedClock extends Clock {
  /** Moves time forward by `ms`, running what falls due on the way, in order. */
  advance(ms: number): Promise<void>
  /** Moves time forward timer by timer until `promise` settles; fails where nothing is left that could settle it. */
  until<T>(promise: Promise<T>): Promise<T>
  /** How many tasks are still waiting. */
  pending(): number
  /** Lets the wall clock jump, as an operator or NTP does; monotonic time and timers don't notice. */
  jump(ms: number): void
}

interface Task {
  due: number
  order: number
  run: () => void
}

/** A simulated clock that starts at `start` (milliseconds since 1970). */
export function createSimulatedClock(start = Date.UTC(2026, 0, 1)): SimulatedClock {
  let elapsed = 0
  let wall = start
  let order = 0
  let tasks: Task[] = []

  const nextTask = () =>
    tasks.reduce<Task | undefined>((first, task) => (first && !before(task, first) ? first : task), undefined)
  const runNext = (task: Task) => {
    tasks = tasks.filter(other => other !== task)
    elapsed = Math.max(elapsed, task.due)
    task.run()
  }
  const after = (ms: number, run: () => void): Timer => {
    const task = { due: elapsed + Math.max(0, ms), order: order++, run }
    tasks.push(task)
    return { cancel: () => (tasks = tasks.filter(other => other !== task)) }
  }

  return {
    now: () => wall + elapsed,
    monotonic: () => elapsed,
    after,
    pending: () => tasks.length,
    jump: ms => {
      wall += ms
    },
    async advance(ms) {
      const end = elapsed + ms
      await turn()
      for (let task = nextTask(); task && task.due <= end; task = nextTask()) {
        runNext(task)
        await turn()
      }
      elapsed = end
    },
    async until(promise) {
      let settled = false
      const mark = () => {
        settled = true
      }
      promise.then(mark, mark)
      for (;;) {
        await turn()
        if (settled) return promise
        const task = nextTask()
        if (!task) throw new Error('nothing is left to wait for, and the promise has not settled')
        runNext(task)
      }
    },
  }
}

function before(a: Task, b: Task): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}

/** Everything that can go on without time passing has gone on when this resolves. */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
