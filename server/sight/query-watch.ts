import type { QueryLine } from '../../cli/replies.ts'
import type { Clock } from '../../host/clock.ts'

/** Milliseconds between two messages to whoever watches, and lines that one of them holds. */
const EVERY = 500
const MOST_LINES = 100

/** Takes lines and how many queries were passed over. */
export type ShowQueries = (lines: QueryLine[], skipped: number) => void

/** Shows a thread's answered queries as they come, as many as somebody could read; the rest is only counted. */
export class QueryWatch {
  active = false
  private readonly clock: Clock
  private readonly show: ShowQueries
  private lines: QueryLine[] = []
  private skipped = 0

  constructor(clock: Clock, show: ShowQueries) {
    this.clock = clock
    this.show = show
  }

  /** Whether the answer that was just made is to be shown; one that is not is counted. */
  wants(): boolean {
    if (!this.active) return false
    if (this.lines.length < MOST_LINES) return true
    this.skipped++
    return false
  }

  note(line: QueryLine): void {
    if (this.lines.push(line) === 1) this.clock.after(EVERY, () => this.flush())
  }

  private flush(): void {
    if (this.active) this.show(this.lines, this.skipped)
    this.lines = []
    this.skipped = 0
  }
}
