/** Says once that nobody waits any more. An AbortSignal makes objects and an event for each query that cost more than all else that is done for it. */
export class Cancellation {
  private done = false
  private readonly tasks = new Set<() => void>()

  get cancelled(): boolean {
    return this.done
  }

  /** Runs `task` when it is cancelled, at once where it already is. */
  onCancel(task: () => void): void {
    if (this.done) task()
    else this.tasks.add(task)
  }

  /** The task need not be run any more. */
  off(task: () => void): void {
    this.tasks.delete(task)
  }

  cancel(): void {
    if (this.done) return
    this.done = true
    for (const task of this.tasks) task()
    this.tasks.clear()
  }
}
