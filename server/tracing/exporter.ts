import type { Clock, Timer } from '../../host/clock.ts'
import type { Fetch } from '../../host/fetch.ts'
import type { Log } from '../../host/log.ts'
import type { FinishedSpan } from './spans.ts'

export interface ExporterDeps {
  /** Where OTLP/HTTP takes traces. */
  url: string
  headers: Readonly<Record<string, string>>
  fetch: Fetch
  encode(spans: readonly FinishedSpan[]): string
  clock: Clock
  log: Log
}

/** Spans that wait; what comes while there are as many is dropped, and counted. */
const MOST = 2048
/** Spans of one request. */
const BATCH = 512
/** Milliseconds that a span waits for others. */
const GATHERED = 1000
/** Milliseconds until a batch is sent again that the collector could not take; after the last it is dropped. */
const RETRY_AFTER = [1000, 5000, 15_000]
/** OTLP §"Failures": whoever answers so may be asked again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Sends spans to a collector, in batches, one after the other. Nobody ever waits for it. */
export class SpanExporter {
  /** Since the start. */
  readonly counts = { sent: 0, dropped: 0 }
  private readonly deps: ExporterDeps
  private waiting: FinishedSpan[] = []
  private timer: Timer | undefined
  private sending: Promise<void> | undefined
  /** Whether the collector took the last batch: what changes is told once. */
  private taken = true
  private closed = false

  constructor(deps: ExporterDeps) {
    this.deps = deps
  }

  keep(span: FinishedSpan): void {
    if (this.closed || this.waiting.length >= MOST) {
      this.counts.dropped++
      return
    }
    this.waiting.push(span)
    this.timer ??= this.deps.clock.after(GATHERED, () => this.flush())
  }

  /** Sends what waits; resolves when the collector has it, or it is given up. */
  flush(): Promise<void> {
    this.timer?.cancel()
    this.timer = undefined
    this.sending ??= this.send().finally(() => {
      this.sending = undefined
    })
    return this.sending
  }

  /** Sends what waits, but no longer than `patience` milliseconds. */
  async close(patience: number): Promise<void> {
    const last = this.flush()
    this.closed = true
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.deps.clock.after(patience, resolve)
    await Promise.race([last, late])
    timer.cancel()
  }

  private async send(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH)
      const problem = await this.deliver(this.deps.encode(batch))
      this.counts[problem === undefined ? 'sent' : 'dropped'] += batch.length
      this.tell(problem)
    }
  }

  /** Why the collector has not taken it in the end. */
  private async deliver(body: string): Promise<string | undefined> {
    const { url, fetch, clock } = this.deps
    const headers = {
      ...this.deps.headers,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    }
    for (let tries = 0; ; tries++) {
      const answer = await fetch(url, { method: 'POST', headers, body }).catch((error: Error) => error)
      if (!(answer instanceof Error) && answer.ok) return undefined
      const problem = answer instanceof Error ? answer.message : `HTTP status ${answer.status}`
      const again = answer instanceof Error || RETRYABLE.has(answer.status)
      const wait = RETRY_AFTER[tries]
      if (!again || wait === undefined || this.closed) return problem
      await new Promise<void>(resolve => clock.after(wait, resolve))
    }
  }

  private tell(problem: string | undefined): void {
    const { url, log } = this.deps
    if (problem !== undefined && this.taken)
      log.warn({ url, reason: problem }, 'traces are dropped: the collector does not take them')
    if (problem === undefined && !this.taken) log.info({ url }, 'the collector takes traces again')
    this.taken = problem === undefined
  }
}
