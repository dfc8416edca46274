import type { Rcode } from '../../dns/codes.ts'
import { LATER } from '../listen/client.ts'
import { rcodeCells } from '../metrics/metrics.ts'
import type { NotifyRequest, UpdateRequest } from '../threads/messages.ts'
import type { HandlerParts } from './handler-parts.ts'
import type { Request } from './request.ts'

const UPDATES = rcodeCells('namestead_dns_updates_total')

/** Answers the requests that the main thread decides on: UPDATE (RFC 2136) and NOTIFY (RFC 1996). */
export class Deciding {
  private readonly parts: HandlerParts

  constructor(parts: HandlerParts) {
    this.parts = parts
  }

  update(request: Request, prepared: Omit<UpdateRequest, 'id' | 'received'>): number {
    const { counters, main, clock } = this.parts.options
    return this.decideLater(request, main.update({ ...prepared, received: clock.monotonic() }), result => {
      counters[UPDATES[result.rcode & 15]!]!++
    })
  }

  notify(request: Request, prepared: Omit<NotifyRequest, 'id'>): number {
    return this.decideLater(request, this.parts.options.main.notify(prepared), () => {})
  }

  /** Answers with the RCODE that main decides on; silence where it does not decide. */
  private decideLater<R extends { rcode: Rcode; ede?: number; wire?: Uint8Array }>(
    request: Request,
    decision: Promise<R>,
    decided: (result: R) => void,
  ): number {
    const { responder, responseOptions } = this.parts
    const { log, outstanding } = this.parts.options
    const client = request.client.retain()
    outstanding.begin()
    decision
      .then(result => {
        decided(result)
        if (result.wire) {
          responder.count(result.rcode)
          client.send(result.wire)
          return
        }
        responseOptions.prepare(request.query, client)
        responder.begin(request.query, request.limit, request.signing, false)
        responder.writer.rcode = result.rcode
        if (result.ede !== undefined) responder.writer.extendedError(result.ede)
        responder.send(client, request.signing)
      })
      .catch((error: unknown) => log.error({ error: String(error) }, 'a request was not decided on'))
      .finally(() => outstanding.end(client))
    return LATER
  }

  /** Counts an UPDATE that was decided on without main. */
  countUpdate(rcode: number): void {
    this.parts.options.counters[UPDATES[rcode & 15]!]!++
  }
}
