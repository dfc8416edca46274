import type { Sample } from '../../cli/replies.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Counted } from '../metrics/metrics.ts'

/** Milliseconds between samples, and how many are kept: half an hour. */
const EVERY = 5000
const KEPT = 360

/** Looks at the counters now and then, and keeps what it saw. */
export class Sampler {
  /** The oldest first. */
  readonly history: Sample[] = []
  private readonly clock: Clock
  private readonly counted: () => Counted
  private readonly names: readonly string[]
  private readonly taken: (sample: Sample) => void
  private before: { at: number; counted: Counted }
  private timer: Timer | undefined

  /** @param names those of views by slot */
  constructor(clock: Clock, counted: () => Counted, names: readonly string[], taken: (sample: Sample) => void) {
    this.clock = clock
    this.counted = counted
    this.names = names
    this.taken = taken
    this.before = { at: clock.monotonic(), counted: counted() }
    this.again()
  }

  close(): void {
    this.timer?.cancel()
  }

  private again(): void {
    this.timer = this.clock.after(EVERY, () => {
      this.take()
      this.again()
    })
  }

  private take(): void {
    const now = { at: this.clock.monotonic(), counted: this.counted() }
    const seconds = Math.max(0.001, (now.at - this.before.at) / 1000)
    const sample = { at: this.clock.now(), ...compare(this.before.counted, now.counted, seconds, this.names) }
    this.before = now
    if (this.history.push(sample) > KEPT) this.history.shift()
    this.taken(sample)
  }
}

function compare(before: Counted, now: Counted, seconds: number, names: readonly string[]): Omit<Sample, 'at'> {
  const views = [...now.views].map(
    ([slot, counts]) => [names[slot] ?? 'other', rates(before.views.get(slot) ?? {}, counts, seconds)] as const,
  )
  const hits = grown(before.answerCache, now.answerCache, 'hit')
  const asked = hits + grown(before.answerCache, now.answerCache, 'miss')
  return {
    views: Object.fromEntries(views.filter(([, rate]) => Object.keys(rate).length > 0)),
    latency: latencyOf(now.spans.map(([bound, count], i) => [bound, count - before.spans[i]![1]])),
    updates: rates(before.updates, now.updates, seconds),
    cached: asked > 0 ? hits / asked : null,
  }
}

/** A thread that was replaced goes on counting where its predecessor was: counters never fall. */
function grown(before: Record<string, number>, now: Record<string, number>, key: string): number {
  return (now[key] ?? 0) - (before[key] ?? 0)
}

function rates(before: Record<string, number>, now: Record<string, number>, seconds: number): Record<string, number> {
  const each = Object.keys(now).map(key => [key, grown(before, now, key) / seconds] as const)
  return Object.fromEntries(each.filter(([, rate]) => rate > 0))
}

/** Between the bounds of a histogram answers are taken for evenly spread. */
function latencyOf(spans: readonly (readonly [number, number])[]): Sample['latency'] {
  const all = spans.reduce((sum, [, count]) => sum + count, 0)
  if (all <= 0) return null
  const within = (share: number): number => {
    let [seen, lower] = [0, 0]
    for (const [bound, count] of spans) {
      if (count > 0 && seen + count >= share * all)
        return Number.isFinite(bound) ? lower + ((share * all - seen) / count) * (bound - lower) : lower
      seen += count
      if (Number.isFinite(bound)) lower = bound
    }
    return lower
  }
  return { half: within(0.5), p95: within(0.95), p99: within(0.99) }
}
