import { Ede, Rcode } from '../../dns/codes.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type {
  DifferencesPart,
  DifferencesRequest,
  NotifyRequest,
  NotifyResult,
  ToMain,
  UpdateRequest,
  UpdateResult,
} from './messages.ts'

/** What the main thread decides on for a serving thread. */
export interface MainThread {
  update(request: Omit<UpdateRequest, 'id'>): Promise<UpdateResult>
  notify(request: Omit<NotifyRequest, 'id'>): Promise<NotifyResult>
  /** The records of an IXFR in packed parts; none where the journal does not lead from that serial to the zone as it is. */
  differences(request: Omit<DifferencesRequest, 'kind' | 'id'>): AsyncGenerator<Uint8Array>
}

type Result = UpdateResult | NotifyResult | DifferencesPart

/** Requests that main is asked about at once by one thread. */
const MOST = 4096
/** Main commits to disk before it answers; after this long no client is waiting any more. */
const PATIENCE = 30_000

/** Asks the main thread, and matches its results to the questions by their ids. */
export class MainCalls implements MainThread {
  private readonly post: (message: ToMain) => void
  private readonly clock: Clock
  private readonly waiting = new Map<number, { resolve: (result: Result) => void; timer: Timer }>()
  private lastId = 0

  constructor(post: (message: ToMain) => void, clock: Clock) {
    this.post = post
    this.clock = clock
  }

  readonly update: MainThread['update'] = request =>
    this.call(id => ({ ...request, id }), OVERLOADED_UPDATE) as Promise<UpdateResult>

  readonly notify: MainThread['notify'] = request =>
    this.call(id => ({ ...request, id }), OVERLOADED_NOTIFY) as Promise<NotifyResult>

  async *differences(request: Omit<DifferencesRequest, 'kind' | 'id'>): AsyncGenerator<Uint8Array> {
    let first = 0
    const begin = (id: number): ToMain => ({ kind: 'differences', ...request, id: (first = id) })
    const more = (id: number): ToMain => ({ kind: 'more-differences', first, id })
    let { records } = await this.part(begin)
    try {
      while (records) {
        yield records
        records = (await this.part(more)).records
      }
    } finally {
      if (records) this.post({ kind: 'enough-differences', first })
    }
  }

  private async part(message: (id: number) => ToMain): Promise<DifferencesPart> {
    const part = await this.call(message, undefined)
    if (!part) throw new Error('the main thread has too much to do')
    return part as DifferencesPart
  }

  private call<R extends Result | undefined>(message: (id: number) => ToMain, overloaded: R): Promise<Result | R> {
    if (this.waiting.size >= MOST) return Promise.resolve(overloaded)
    const id = ++this.lastId
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(PATIENCE, () => {
        this.waiting.delete(id)
        reject(new Error('the main thread did not decide'))
      })
      this.waiting.set(id, { resolve, timer })
      this.post(message(id))
    })
  }

  settle(result: Result): void {
    const call = this.waiting.get(result.id)
    if (!call) return
    this.waiting.delete(result.id)
    call.timer.cancel()
    call.resolve(result)
  }
}

const OVERLOADED_UPDATE: UpdateResult = { kind: 'updated', id: 0, rcode: Rcode.SERVFAIL, ede: Ede.NOT_READY }
const OVERLOADED_NOTIFY: NotifyResult = { kind: 'notified', id: 0, rcode: Rcode.SERVFAIL }
