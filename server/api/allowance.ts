import type { Clock } from '../../host/clock.ts'

/** How often something may be done: `burst` at once, and `rate` in a second from then on. */
export interface AllowanceOptions {
  burst: number
  rate: number
  /** Who is kept count of at once; beyond that the one that was quiet for longest is forgotten. */
  most: number
}

/** A token bucket for each of many: addresses, or holders of tokens. */
export class Allowance {
  private readonly clock: Clock
  private readonly options: AllowanceOptions
  /** In the order of their last use. */
  private readonly buckets = new Map<string, { left: number; at: number }>()

  constructor(clock: Clock, options: AllowanceOptions) {
    this.clock = clock
    this.options = options
  }

  /** Takes one from what this one has left; false where nothing is. */
  take(who: string): boolean {
    const { burst, rate, most } = this.options
    const now = this.clock.monotonic()
    const bucket = this.buckets.get(who) ?? { left: burst, at: now }
    this.buckets.delete(who)
    if (this.buckets.size >= most) this.buckets.delete(this.buckets.keys().next().value!)
    const left = Math.min(burst, bucket.left + ((now - bucket.at) / 1000) * rate)
    this.buckets.set(who, { left: left >= 1 ? left - 1 : left, at: now })
    return left >= 1
  }
}
