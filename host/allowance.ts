import type { Clock } from './clock.ts'

/** How often something may be done: `burst` at once, and `rate` in a second from then on. */
export interface AllowanceOptions {
  burst: number
  rate: number
  /** Who is kept count of at once; beyond that the one that was quiet for longest is forgotten. */
  most: number
}

/** A token bucket for each of many: addresses, accounts, or holders of tokens. In memory, so a restart forgives. */
export class Allowance {
  private readonly clock: Clock
  private readonly options: () => AllowanceOptions
  /** What each had left at a time on the monotonic clock, in the order of their last use. */
  private readonly buckets = new Map<string, { left: number; at: number }>()

  /** `options` may change from one call to the next. */
  constructor(clock: Clock, options: AllowanceOptions | (() => AllowanceOptions)) {
    this.clock = clock
    this.options = typeof options === 'function' ? options : () => options
  }

  /** Takes one from what this one has left; false where nothing is. */
  take(who: string): boolean {
    const left = this.left(who)
    this.keep(who, left >= 1 ? left - 1 : left)
    return left >= 1
  }

  /** Takes one even where nothing is left: what was done can't be refused any more. */
  spend(who: string): void {
    this.keep(who, this.left(who) - 1)
  }

  /** Seconds until this one has one left; 0 where it has. */
  wait(who: string): number {
    return Math.max(0, (1 - this.left(who)) / this.options().rate)
  }

  private left(who: string): number {
    const { burst, rate } = this.options()
    const bucket = this.buckets.get(who)
    if (!bucket) return burst
    return Math.min(burst, bucket.left + ((this.clock.monotonic() - bucket.at) / 1000) * rate)
  }

  private keep(who: string, left: number): void {
    this.buckets.delete(who)
    if (this.buckets.size >= this.options().most) this.buckets.delete(this.buckets.keys().next().value!)
    this.buckets.set(who, { left, at: this.clock.monotonic() })
  }
}
