import type { Clock } from '../../host/clock.ts'

/**
 * Remembers what came of a signed request, by its MAC, for as long as the MAC could be accepted again (RFC 8945 §5.2.3: the fudge to
 * either side of now). A request that is repeated, by a client that lost the reply or by somebody who recorded it, gets the first
 * outcome and is not executed again. Bounded: where it is full, the oldest is forgotten early.
 */
export class ReplayCache<Outcome> {
  private readonly clock: Clock
  private readonly limit: number
  private readonly lifetime: number
  /** In the order in which they came; one that ends late holds up the forgetting of those after it, and nothing else. */
  private readonly entries = new Map<string, { outcome: Promise<Outcome>; ends: number }>()

  constructor(clock: Clock, options: { limit?: number; lifetime?: number } = {}) {
    this.clock = clock
    this.limit = options.limit ?? 100_000
    this.lifetime = options.lifetime ?? 2 * 300_000
  }

  /**
   * The outcome of the first request with this MAC, executing it where this is the first. One that fails is not remembered. A MAC that
   * is good for longer than the usual fudge is remembered for `lifetime` milliseconds.
   */
  once(mac: Uint8Array, execute: () => Promise<Outcome>, lifetime = 0): Promise<Outcome> {
    const key = textOf(mac)
    const now = this.clock.monotonic()
    this.forgetUntil(now)
    const known = this.entries.get(key)
    if (known) return known.outcome
    const outcome = execute()
    this.entries.set(key, { outcome, ends: now + Math.max(lifetime, this.lifetime) })
    outcome.catch(() => this.entries.delete(key))
    return outcome
  }

  /** Remembers what came of a request in an earlier life, for `lifetime` milliseconds from now. */
  recall(mac: Uint8Array, outcome: Outcome, lifetime: number): void {
    this.entries.set(textOf(mac), { outcome: Promise.resolve(outcome), ends: this.clock.monotonic() + lifetime })
  }

  private forgetUntil(now: number): void {
    for (const [key, { ends }] of this.entries) {
      if (ends > now && this.entries.size < this.limit) return
      this.entries.delete(key)
    }
  }

  get size(): number {
    return this.entries.size
  }
}

function textOf(mac: Uint8Array): string {
  return Buffer.from(mac.buffer, mac.byteOffset, mac.length).toString('latin1')
}
