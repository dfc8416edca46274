import type { AnswerSource, QueryLine } from '../../cli/replies.ts'
import { containsAddress, printAddress } from '../../config/address.ts'
import type { Config, QueryLogConfig } from '../../config/schema.ts'
import { Ede, Rcode, rcodeName } from '../../dns/codes.ts'
import { isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { Query } from '../../dns/query.ts'
import { typeName } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Client } from '../listen/client.ts'
import { nameOf } from '../requests/query.ts'
import type { Dnstap } from './dnstap.ts'
import { QueryWatch, type ShowQueries } from './query-watch.ts'
import { type Top, TopList } from './top-list.ts'

/** An answer that was just given, while all of it is still at hand. */
export interface Answered {
  query: Query
  client: Client
  view: string | undefined
  rcode: number
  from: AnswerSource
  /** Milliseconds since the query came. */
  took: number
  /** The message that is sent. */
  response: Uint8Array
  /** What the resolver says of it, where it was asked. */
  resolved?: { rule?: Name; upstream?: string; security?: string; policy?: string; ede?: number }
}

/** Answers that cost next to nothing are looked at each so-manieth time, and count as many. */
const SAMPLE = 16
/** Where more than so many are looked at in a second, it is each time fewer, down to one in RAREST: a busy thread has no time for statistics. */
const MOST_SAMPLES = 500
const RAREST = 1024
const SECOND = 1000
const KEPT = 512
const SHOWN = 100

/** Sees the answers of a thread: for what is frequent, for the query log, and for dnstap. Costs next to nothing where the latter two are off. */
export class Sight {
  private readonly clock: Clock
  private readonly log: Log
  private readonly dnstap: Dnstap
  private readonly names = new TopList(KEPT)
  private readonly clients = new TopList(KEPT)
  private readonly failures = new TopList(KEPT)
  private readonly blocked = new TopList(KEPT)
  private readonly watched: QueryWatch
  private queries: QueryLogConfig | false = false
  /** One of so many answers that need no waiting is looked at. */
  private step = SAMPLE
  private left = SAMPLE
  /** The answer that was just made is one of those. */
  private sampled = false
  /** Looked at since then, by the clock. */
  private taken = 0
  private since = 0
  private skipped = 0
  private passed = 0

  constructor(clock: Clock, log: Log, dnstap: Dnstap, show: ShowQueries = () => {}) {
    this.clock = clock
    this.watched = new QueryWatch(clock, show)
    this.log = log
    this.dnstap = dnstap
  }

  configure(queries: QueryLogConfig | false, dnstap: Config['dnstap'], identity: string): void {
    this.queries = queries
    this.dnstap.configure(dnstap, identity)
    this.step = queries || dnstap ? 1 : SAMPLE
    this.left = Math.min(this.left, this.step)
  }

  /** Whether the answer that was just made without waiting is to be shown to `answered`. */
  wants(): boolean {
    this.sampled = --this.left <= 0
    if (this.sampled) this.left = this.step
    return this.sampled || this.watched.wants()
  }

  /** Whether answers are shown to somebody who watches them. */
  watch(on: boolean): void {
    this.watched.active = on
  }

  /** @param waited it is one of those that are all shown */
  answered(event: Answered, waited = false): void {
    const { query, client } = event
    // What was not read has no name.
    if (query.nameLength === 0) return
    if (waited ? this.watched.wants() : this.watched.active) this.watched.note(queryLine(event))
    if (!waited && !this.sampled) return
    this.count(event, waited)
    if (this.queries && this.isLogged(event, this.queries)) this.write(event)
    if (this.dnstap.active) this.dnstap.answered(query, client, event.response, event.took)
  }

  top(): Top {
    const now = this.clock.monotonic()
    const list = (of: TopList) => of.list(SHOWN, now)
    return {
      names: list(this.names),
      clients: list(this.clients),
      failures: list(this.failures),
      blocked: list(this.blocked),
    }
  }

  /** Failures and what is blocked are rare enough to be counted one by one, as far as all are shown. */
  private count({ query, client, rcode, resolved }: Answered, waited: boolean): void {
    const failed = rcode === Rcode.SERVFAIL
    const blocked = resolved?.policy !== undefined || resolved?.ede === Ede.BLOCKED
    const counted = !waited || this.countsNow()
    if (!counted && !failed && !blocked) return
    const now = this.clock.monotonic()
    if (this.step > 1) this.pace(now)
    const key = `${printName(nameOf(query)).toLowerCase()} ${typeName(query.qtype)}`
    if (counted) this.names.note(key, this.step, now)
    if (counted) this.clients.note(printAddress(client.address), this.step, now)
    if (failed) this.failures.note(key, waited ? 1 : this.step, now)
    if (blocked) this.blocked.note(key, waited ? 1 : this.step, now)
  }

  private countsNow(): boolean {
    this.passed = (this.passed + 1) % this.step
    return this.passed === 0
  }

  private pace(now: number): void {
    const elapsed = now - this.since
    if (++this.taken < MOST_SAMPLES && elapsed < SECOND) return
    if (elapsed < SECOND / 2) this.step = Math.min(this.step * 2, RAREST)
    else if (this.taken < MOST_SAMPLES / 4) this.step = SAMPLE
    this.taken = 0
    this.since = now
  }

  private isLogged(event: Answered, filter: QueryLogConfig): boolean {
    const { clients, names, rcodes, slower, sample } = filter
    if (clients && !containsAddress(clients, event.client.address)) return false
    if (rcodes && !rcodes.includes(rcodeName(event.rcode))) return false
    if (slower !== undefined && event.took < slower) return false
    if (names && !isBelowOne(nameOf(event.query), names)) return false
    if (++this.skipped < sample) return false
    this.skipped = 0
    return true
  }

  private write(event: Answered): void {
    this.log.info(queryLine(event), 'query')
  }
}

function queryLine({ query, client, view, rcode, from, took, resolved = {} }: Answered): QueryLine {
  const { rule, ...told } = resolved
  return {
    client: printAddress(client.address),
    transport: client.transport,
    ...(view !== undefined && { view }),
    name: printName(nameOf(query)),
    type: typeName(query.qtype),
    rcode: rcodeName(rcode),
    from,
    ms: Math.round(took * 1000) / 1000,
    ...(rule && { rule: printName(rule) }),
    ...told,
  }
}

function isBelowOne(name: Name, parents: readonly Name[]): boolean {
  return parents.some(parent => isSubdomain(name, parent))
}
