import type { Clock, Timer } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'

/** However often a primary says that there is something new, it is asked no more often, in milliseconds. */
const INTERVAL = 250

/** What is done when it is time, `S` being a server that may be asked. */
export interface Refreshing<S> {
  /** Asks the servers, this one first; whether one has answered. Never rejects. */
  ask(first: S | undefined): Promise<boolean>
  /** Milliseconds to the next time, at most; `failures` is how often in a row none has answered. */
  pause(fresh: boolean, failures: number): number
}

/** When a secondary asks its primaries: as its SOA says (RFC 1034 §4.3.5), and sooner where somebody says so. One question at a time. */
export class RefreshSchedule<S> {
  /** When they are asked for next, in milliseconds since 1970. */
  next: number | undefined
  running = false
  private readonly world: { clock: Clock; random: Random }
  private readonly refreshing: Refreshing<S>
  private timer: Timer | undefined
  private began = -INTERVAL
  private failures = 0
  /** A server that has said meanwhile that there is something new. */
  private again: S | undefined
  private stopped = false

  constructor(world: { clock: Clock; random: Random }, refreshing: Refreshing<S>) {
    this.world = world
    this.refreshing = refreshing
  }

  /** Whether it has begun, or never will. */
  get started(): boolean {
    return this.timer !== undefined || this.running || this.stopped
  }

  /** Asks after `wait` milliseconds, this server first. */
  after(wait: number, first?: S): void {
    const { clock } = this.world
    this.timer?.cancel()
    if (this.stopped) return
    this.next = clock.now() + wait
    this.timer = clock.after(wait, () => void this.refresh(first))
  }

  /** Asks now, this server first. */
  soon(server: S): void {
    if (this.running) this.again = server
    else this.after(Math.max(0, this.began + INTERVAL - this.world.clock.monotonic()), server)
  }

  stop(): void {
    this.stopped = true
    this.timer?.cancel()
  }

  private async refresh(first: S | undefined): Promise<void> {
    this.running = true
    this.began = this.world.clock.monotonic()
    const fresh = await this.refreshing.ask(first)
    this.running = false
    this.failures = fresh ? 0 : this.failures + 1
    const { again } = this
    this.again = undefined
    if (again) this.soon(again)
    else this.after(this.untilNext(fresh))
  }

  /** Not everybody asks at the same moment: up to a tenth sooner. */
  private untilNext(fresh: boolean): number {
    const wait = this.refreshing.pause(fresh, this.failures)
    return wait - this.world.random.below(Math.floor(wait / 10) + 1)
  }
}
