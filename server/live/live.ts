import type { LiveState, QueryLine, Sample, Situation } from '../../cli/replies.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Workers } from '../threads/workers.ts'
import { Sampler } from './sampler.ts'

/** Somebody who watches. `send` is called with the name of an event and what it says. */
export interface Watcher {
  /** Whether answered queries are to be shown. */
  readonly queries: boolean
  send(event: LiveEvent, data: object): void
  /** There will be no more events. */
  end(): void
}

/** `history` once, then `sample` and `situation` as they come; `queries` for those who want them. */
export type LiveEvent = 'history' | 'sample' | 'situation' | 'queries'

/** What a live view needs of the daemon. */
export interface LiveDeps {
  workers: Pick<Workers, 'counted' | 'watchQueries'>
  /** The names of views by slot. */
  slots: readonly string[]
  situation: () => Promise<Situation>
  clock: Clock
  log: Log
}

/** Samples between two looks at what changes slowly. */
const SLOWLY = 2
const MOST_WATCHERS = 100

/** What goes on, for all who watch: each thing is looked at once, however many they are, and nobody asks. */
export class Live {
  private readonly deps: LiveDeps
  private readonly watchers = new Set<Watcher>()
  private readonly sampler: Sampler
  private latest: Situation | undefined
  private samples = 0

  constructor(deps: LiveDeps) {
    this.deps = deps
    const { clock, workers, slots } = deps
    this.sampler = new Sampler(
      clock,
      () => workers.counted(),
      slots,
      sample => this.sampled(sample),
    )
  }

  /** What goes on at this moment, for who asks once: the last sample, where there is one, and the situation. */
  async now(): Promise<LiveState> {
    const sample = this.sampler.history.at(-1)
    return { ...(await this.deps.situation()), ...(sample && { sample }) }
  }

  /** Whether one more may watch. */
  get hasRoom(): boolean {
    return this.watchers.size < MOST_WATCHERS
  }

  /** Gives what ends the watch. */
  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher)
    watcher.send('history', { samples: this.sampler.history })
    void this.look(watcher)
    this.follow()
    return () => {
      this.watchers.delete(watcher)
      this.follow()
    }
  }

  /** Ends all watches. */
  close(): void {
    this.sampler.close()
    for (const watcher of this.watchers) watcher.end()
  }

  private sampled(sample: Sample): void {
    this.tell('sample', sample)
    if (++this.samples % SLOWLY === 0 && this.watchers.size > 0) void this.look()
  }

  /** Looks at what changes slowly, for all; or for one who comes, if nobody has looked just now. */
  private async look(newcomer?: Watcher): Promise<void> {
    try {
      if (newcomer && this.watchers.size > 1 && this.latest) return newcomer.send('situation', this.latest)
      this.latest = await this.deps.situation()
      this.tell('situation', this.latest)
    } catch (error) {
      this.deps.log.error({ err: error }, 'the situation could not be told')
    }
  }

  private tell(event: LiveEvent, data: object): void {
    for (const watcher of this.watchers) watcher.send(event, data)
  }

  /** Serving threads show queries while somebody wants them. */
  private follow(): void {
    const wanted = [...this.watchers].some(({ queries }) => queries)
    this.deps.workers.watchQueries(wanted ? (lines, skipped) => this.show(lines, skipped) : undefined)
  }

  private show(lines: readonly QueryLine[], skipped: number): void {
    const at = new Date(this.deps.clock.now()).toISOString()
    for (const watcher of this.watchers) if (watcher.queries) watcher.send('queries', { at, lines, skipped })
  }
}
