/**
 * What is done once for all that one turn of the event loop brings, at its end: answers that became ready leave together. A thread that waits
 * for its datagrams itself (poller.ts) runs it before each wait, for such a wait comes before the loop's own end of the turn.
 */
export class EndOfTurn {
  private tasks: (() => void)[] = []
  private scheduled: NodeJS.Immediate | undefined

  add(task: () => void): void {
    this.tasks.push(task)
    this.scheduled ??= setImmediate(this.run)
  }

  /** Does all that was added, each once; whether there was anything. */
  readonly run = (): boolean => {
    if (this.scheduled === undefined) return false
    clearImmediate(this.scheduled)
    this.scheduled = undefined
    const { tasks } = this
    this.tasks = []
    for (const task of tasks) task()
    return true
  }
}
