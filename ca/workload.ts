import { overloaded } from './problems.ts'

/** Work of one kind of which only so much goes on at once, and only so much may wait. */
export interface Workload {
  /** Runs the task as soon as there is room; rejects at once with 503 where too many wait. */
  run<Result>(task: () => Promise<Result>): Promise<Result>
}

export function createWorkload(what: string, limits: { running: number; waiting: number }): Workload {
  let running = 0
  const waiting: (() => void)[] = []
  const leave = () => {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
  return {
    async run(task) {
      if (running < limits.running) running++
      else if (waiting.length < limits.waiting) await new Promise<void>(resolve => waiting.push(resolve))
      else throw overloaded(`too many ${what}`)
      try {
        return await task()
      } finally {
        leave()
      }
    },
  }
}
