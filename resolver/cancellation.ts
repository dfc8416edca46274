/** A task that is run when nobody waits any more. */
export interface CancelTask {
  readonly run: () => void
  /** Its place among those that wait; the Cancellation's own. */
  at: number
}

/**
 * Says once that nobody waits any more. An AbortSignal makes objects and an event for each query that cost more than all else that is done for it. Nor
 * is it a Set: from one that much is put into and taken out of, tables are left behind, of which each knows the next. What is in the first that
 * the collector has taken for old is then held until all of the heap is collected, and so is what is in all tables after it.
 */
export class Cancellation {
  private done = false
  private readonly tasks: CancelTask[] = []

  get cancelled(): boolean {
    return this.done
  }

  /** Runs `run` when it is cancelled, at once where it already is. */
  onCancel(run: () => void): CancelTask {
    const task = { run, at: this.tasks.length }
    if (this.done) run()
    else this.tasks.push(task)
    return task
  }

  /** The task need not be run any more. */
  off(task: CancelTask): void {
    const { tasks } = this
    if (tasks[task.at] !== task) return
    const last = tasks.pop()!
    if (last === task) return
    tasks[task.at] = last
    last.at = task.at
  }

  cancel(): void {
    if (this.done) return
    this.done = true
    for (const { run } of this.tasks.splice(0)) run()
  }
}
