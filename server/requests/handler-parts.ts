import { containsAddress } from '../../config/address.ts'
import { Flag } from '../../dns/codes.ts'
import type { Query } from '../../dns/query.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { Answerer } from '../../zones/lookup/answer.ts'
import type { Client } from '../listen/client.ts'
import type { Sight } from '../sight/sight.ts'
import type { MainThread } from '../threads/main-thread.ts'
import type { AnswerCache, AnswerSource } from './answers.ts'
import type { Cookies } from './cookies.ts'
import type { Outstanding } from './outstanding.ts'
import { PolicyLog } from './policy-log.ts'
import { PolicyNotes } from './policy-notes.ts'
import type { Recursion } from './query.ts'
import { RateGate } from './rate-gate.ts'
import type { RateLimiter } from './rate-limit.ts'
import { Responder } from './respond.ts'
import { ResponseOptions } from './response-options.ts'
import type { ServingView, State } from './state.ts'
import type { Transfers } from './transfer.ts'

export interface HandlerOptions {
  state: State
  answers: AnswerCache
  counters: Float64Array
  transfers: Transfers
  main: MainThread
  outstanding: Outstanding
  cookies: Cookies
  rates: RateLimiter
  sight: Sight
  clock: Clock
  log: Log
}

/** What a thread has once for all its requests: each is answered with it before the next is looked at, or begins with it anew when it has waited. */
export class HandlerParts {
  /** Seconds, for TTLs; read once for a batch. */
  now = 0
  readonly options: HandlerOptions
  readonly responseOptions: ResponseOptions
  readonly responder: Responder
  readonly gate: RateGate
  readonly answerer = new Answerer()
  readonly policyNotes = new PolicyNotes()
  readonly policyLog: PolicyLog
  private readonly recursion: Recursion = { allowed: false, desired: false }

  constructor(options: HandlerOptions) {
    this.options = options
    this.responseOptions = new ResponseOptions(options.cookies, () => options.state.identity)
    this.responder = new Responder(options.counters, options.clock, this.responseOptions)
    this.gate = new RateGate(options.rates, this.responder, this.responseOptions, options.counters)
    this.policyLog = new PolicyLog(options.log)
    this.beforeBatch()
  }

  /** To be called before requests are handled: the time they are answered at. */
  beforeBatch(): void {
    const { clock, rates } = this.options
    const milliseconds = clock.monotonic()
    rates.setTime(milliseconds)
    this.now = Math.floor(milliseconds / 1000)
    this.responseOptions.now = Math.floor(clock.now() / 1000)
  }

  /** Valid until the next call. */
  standing(query: Query, view: ServingView, client: Client): Recursion {
    const { recursion } = this
    recursion.allowed = containsAddress(view.recursion, client.address)
    recursion.desired = recursion.allowed && (query.flags & Flag.RD) !== 0
    return recursion
  }

  /** Keeps the answer that was just made: from our zones (policies among them) alone, or with `ttl` for so many seconds. */
  keep(query: Query, facts: number, more: Pick<AnswerSource, 'ttl' | 'note'> = {}): void {
    const { answers, state } = this.options
    const { pins } = this.answerer
    if (pins.overflowed) return
    const zones: number[] = []
    const versions: number[] = []
    for (let i = 0; i < pins.count; i++) {
      const { image, at } = pins.versions[i]!
      const number = state.numbers.get(image)
      if (number === undefined) return
      zones.push(number)
      versions.push(at)
    }
    answers.keep(query, facts, this.responder.writer, { zones, versions, ...more }, this.now)
  }
}
