/** Lets so many tasks run at once; others wait their turn. */
export class Gate {
  /** How many; asked for whenever a task wants in or is done. */
  private readonly limit: () => number
  private running = 0
  private readonly waiting: (() => void)[] = []

  constructor(limit: number | (() => number)) {
    this.limit = typeof limit === 'number' ? () => limit : limit
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running < this.limit()) this.running++
    else await new Promise<void>(resolve => this.waiting.push(resolve))
    try {
      return await task()
    } finally {
      this.running--
      this.admit()
    }
  }

  private admit(): void {
    while (this.waiting.length > 0 && this.running < this.limit()) {
      this.running++
      this.waiting.shift()!()
    }
  }
}
