import { Rcode } from '../../dns/codes.ts'
import type { Log } from '../../host/log.ts'
import type { DifferencesRequest, NotifyRequest, ToMain, UpdateRequest } from './messages.ts'
import type { Place } from './place.ts'

/** What main decided: the RCODE for the client, and an INFO-CODE of RFC 8914. */
export interface Decision {
  /** A whole answer that somebody else has decided on. */
  wire?: Uint8Array
  rcode: Rcode
  reason?: string
  ede?: number
}

/** What serving threads leave to main. */
export interface Decisions {
  /** What an UPDATE changes must be committed and published, or posted by `replaceZone`, before this resolves. */
  update(request: UpdateRequest): Promise<Decision>
  notify(request: NotifyRequest): Promise<Decision>
  /** The records of an IXFR in packed parts; undefined where the journal does not lead from that serial to the zone as it is. */
  differences(request: DifferencesRequest): Promise<Iterator<Uint8Array> | undefined>
}

/** Answers what threads leave to main. */
export class Decider {
  private readonly main: Decisions
  private readonly log: Log

  constructor(main: Decisions, log: Log) {
    this.main = main
    this.log = log
  }

  /** False where the message is nothing to be decided on. */
  accept(place: Place, message: ToMain): boolean {
    if (message.kind === 'update') this.decide(place, message.id, 'updated', this.main.update(message))
    else if (message.kind === 'notify') this.decide(place, message.id, 'notified', this.main.notify(message))
    else if (message.kind === 'differences') void this.open(place, message)
    else if (message.kind === 'more-differences') this.send(place, message.first, message.id)
    else if (message.kind === 'enough-differences') place.differences.delete(message.first)
    else return false
    return true
  }

  private decide(place: Place, id: number, kind: 'updated' | 'notified', decision: Promise<Decision>): void {
    const { thread } = place
    decision.then(
      result => thread?.postMessage({ kind, id, ...result }),
      (error: unknown) => {
        this.log.error({ error: String(error) }, 'a request could not be decided on')
        thread?.postMessage({ kind, id, rcode: Rcode.SERVFAIL })
      },
    )
  }

  /** Begins to send differences, unless the thread has been replaced meanwhile. */
  private async open(place: Place, request: DifferencesRequest): Promise<void> {
    const { thread } = place
    const parts = await this.main.differences(request).catch((error: unknown) => {
      this.log.error({ error: String(error) }, 'the journal could not be read')
    })
    if (place.thread !== thread) return
    if (parts) place.differences.set(request.id, parts)
    this.send(place, request.id, request.id)
  }

  private send(place: Place, first: number, id: number): void {
    const next = place.differences.get(first)?.next()
    const records = next?.done === false ? next.value : undefined
    if (!records) place.differences.delete(first)
    place.thread?.postMessage({ kind: 'differences', id, ...(records && { records }) })
  }
}
