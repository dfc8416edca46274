import { Rcode } from '../../dns/codes.ts'
import type { Query } from '../../dns/query.ts'
import type { TsigContext } from '../../dns/tsig.ts'
import { type Client, LATER } from '../listen/client.ts'
import { UDP_LIMIT } from '../listen/datagrams.ts'
import { cellOf, countSpan, viewCell } from '../metrics/metrics.ts'
import {
  describeResolved,
  type ForwardedQuery,
  isForAll,
  keepFor,
  resolveForwarded,
  writeForwarded,
} from './forwarded.ts'
import type { HandlerParts } from './handler-parts.ts'
import type { Unresolved } from './query.ts'
import type { ServingView } from './state.ts'

const FORWARDED = {
  answered: cellOf('namestead_dns_forwarded_total', 'answered'),
  failed: cellOf('namestead_dns_forwarded_total', 'failed'),
}

export const DECIDED = cellOf('namestead_dns_policy_decisions_total')

/** A query that waits for the resolver. */
interface Waiting {
  query: Query
  client: Client
  view: ServingView
  limit: number
  signing: TsigContext | undefined
  /** When it came, by the monotonic clock. */
  begun: number
}

/** Answers a thread's queries that others must be asked for. */
export class Forwarding {
  private readonly parts: HandlerParts
  /** Where answers over UDP are written. */
  private readonly late = new Uint8Array(UDP_LIMIT)

  constructor(parts: HandlerParts) {
    this.parts = parts
  }

  /** Asks the resolver for what our zones don't have; the answer follows. */
  resolve(
    query: Query,
    client: Client,
    view: ServingView,
    open: Unresolved,
    limit: number,
    facts: number,
    signing?: TsigContext,
  ): number {
    const { clock, outstanding } = this.parts.options
    outstanding.begin()
    const begun = clock.monotonic()
    void this.complete({ query, client, view, limit, signing, begun }, open, facts)
    return LATER
  }

  /** Never rejects. */
  private async complete(waiting: Waiting, open: Unresolved, facts: number): Promise<void> {
    const { query, client, view } = waiting
    const { answerer, responder } = this.parts
    const { log, outstanding, state } = this.parts.options
    try {
      const { address } = client
      const who = { account: accountOf(address), address, udp: client.transport === 'udp' }
      const forwarded = await resolveForwarded(query, view, open, who, { answerer, response: responder.writer })
      this.answer(forwarded, waiting)
      // What was learned under another configuration, or depends on a delegation, is not for later queries.
      const keepable = facts >= 0 && !open.beyondCut && state.views[view.index] === view
      if (keepable && !forwarded.withheld && isForAll(forwarded)) this.keep(forwarded, facts)
    } catch (error) {
      log.error({ error: String(error) }, 'a query could not be resolved')
    }
    outstanding.end(client)
  }

  /** Writes and sends the answer to a query that has waited for the resolver. */
  private answer(forwarded: ForwardedQuery, waiting: Waiting): void {
    const { query, client, limit, signing } = waiting
    const { answerer, responder, responseOptions } = this.parts
    const { writer } = responder
    this.parts.beforeBatch()
    this.logPolicy(forwarded, client)
    if (forwarded.withheld === 'drop') return
    responseOptions.prepare(query, client)
    responder.begin(query, limit, signing, true)
    answerer.pins.clear()
    if (forwarded.withheld !== 'tcp-only') writeForwarded(forwarded, answerer, writer)
    else if (client.transport === 'udp') writer.truncated = true
    this.parts.options.counters[writer.rcode === Rcode.SERVFAIL ? FORWARDED.failed : FORWARDED.answered]!++
    this.show(forwarded, waiting, this.sendLimited(query, client, limit, signing))
  }

  /** Keeps the answer that was just written: one that a policy made for as long as that is the same, any other for its time. */
  private keep(forwarded: ForwardedQuery, facts: number): void {
    const { query, view, parts } = forwarded
    const [only] = parts
    const note = parts.length === 1 && only!.kind === 'resolved' ? this.parts.policyNotes.numberOf(only!.answer) : 0
    const ttl = note > 0 ? 0 : keepFor(forwarded)
    if ((note > 0 || ttl > 0) && this.pinPolicies(view)) this.parts.keep(query, facts, note > 0 ? { note } : { ttl })
  }

  /** An answer is good as long as the policies that let it pass; false where they have just changed. */
  private pinPolicies({ policies, zones, config }: ServingView): boolean {
    if (!policies) return true
    for (const { zone } of config.rpz ?? []) {
      const image = zones.get(zone)
      if (image) this.parts.answerer.pins.pin(image)
    }
    return policies.areCurrent
  }

  private logPolicy({ view, parts }: ForwardedQuery, client: Client): void {
    const { options, policyLog, now } = this.parts
    for (const part of parts) {
      const verdict = part.kind === 'resolved' ? part.answer.verdict : undefined
      if (!verdict) continue
      options.counters[DECIDED]!++
      if (verdict.log && policyLog.hasRoom(now)) policyLog.decided(verdict, view.name, client.address)
    }
  }

  /** Completes the response that has waited, and sends what the rate limits leave of it. */
  private sendLimited(query: Query, client: Client, limit: number, signing: TsigContext | undefined): Uint8Array {
    const { gate, responder } = this.parts
    if (signing || client.transport !== 'udp') return responder.send(client, signing)
    const { late } = this
    const length = gate.pass(query, client, late, 0, responder.write(late, 0), limit)
    const response = late.subarray(0, length)
    if (length > 0) client.send(response)
    return response
  }

  /** An answer that somebody else was asked for. */
  private show(forwarded: ForwardedQuery, { query, client, view, begun }: Waiting, response: Uint8Array): void {
    if (response.length === 0) return
    const { clock, counters, sight } = this.parts.options
    const took = clock.monotonic() - begun
    const rcode = response[3]! & 15
    counters[viewCell(view.slot, rcode)]!++
    countSpan(counters, took)
    const { from, resolved } = describeResolved(forwarded)
    sight.answered({ query, client, view: view.name, rcode, from, took, response, resolved }, true)
  }
}

/** What a client's outstanding questions are counted by: its address, one character an octet. */
function accountOf(address: Uint8Array): string {
  let account = ''
  for (let i = 0; i < address.length; i++) account += String.fromCharCode(address[i]!)
  return account
}
