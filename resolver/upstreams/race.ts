import type { Message } from '../../dns/message.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Cancellation, CancelTask } from '../cancellation.ts'
import type { UpstreamQuestion } from '../question.ts'
import type { ExchangeListener, Exchanger } from './exchange.ts'
import { ExchangeError } from './exchange-error.ts'
import type { Server } from './server.ts'
import type { Asked } from './udp.ts'

/** What a race ends with: a response and what its judge made of it, or all the ways in which the servers failed. */
export type RaceResult<Judged> = { kind: 'won'; judged: Judged } | { kind: 'lost'; failures: Failure[] }

/** One server's failure to give a usable response. */
export type Failure = { server: Server; error: ExchangeError } | { server: Server; response: Message }

/** What a race needs to know. */
export interface Race<Judged> {
  servers: readonly Server[]
  question: UpstreamQuestion
  /** Milliseconds after which it is lost. */
  lifetime: number
  /** Ends the race early; it is lost then. */
  cancellation: Cancellation
  /** The servers were arranged by how fast they are: of those that are not asked, that is found out now and then. */
  measured?: boolean
  /** What a response of a server comes to; undefined where it is of no use, and other servers are to be asked. */
  judge: (response: Message, server: Server) => Judged | undefined
  /** Called once, perhaps at once. */
  ended: (result: RaceResult<Judged>) => void
}

/** Holds a race. */
export type Racing = <Judged>(race: Race<Judged>) => void

/** Hears of what servers did, for the log and the counters. */
export interface RaceEvents {
  asked(server: Server): void
  /** A server that was down has answered. */
  recovered(server: Server): void
  /** A server has been unanswering for long enough to be taken for down. */
  lost(server: Server, reason: string): void
}

// RFC 9520 §3.1: no server is sent the same question more than three times.
const ROUNDS = 3
const MAX_ATTEMPTS = 9
const MEASURE_LIFETIME = 2000
const TOO_MANY = 'it has as many questions outstanding as max_concurrent allows'

/**
 * Asks the servers in order, each with the time that it usually takes; whoever is late goes on being listened to while the next is asked,
 * and the first usable response wins. An upstream that resolves a name for the first time may well take longer than any time-out.
 */
export function createRacing(exchanger: Exchanger, clock: Clock, events: RaceEvents): Racing {
  return <Judged>(race: Race<Judged>) => {
    if (race.measured)
      for (const server of dueForMeasure(race.servers, clock.monotonic()))
        measure(server, race.question, exchanger, clock, events)
    new Running(race, exchanger, clock, events).launch()
  }
}

/** A race that has not ended. */
class Running<Judged> {
  private readonly race: Race<Judged>
  private readonly exchanger: Exchanger
  private readonly clock: Clock
  private readonly events: RaceEvents
  private readonly attempts: Attempts
  private readonly failures: Failure[] = []
  private readonly runners: Runner[] = []
  private readonly until: number
  /** Runners that are listened to. */
  private running = 0
  private task: CancelTask | undefined
  /** Until the next server is asked too, or the race is given up. */
  private timer: Timer | undefined
  private over = false

  constructor(race: Race<Judged>, exchanger: Exchanger, clock: Clock, events: RaceEvents) {
    this.race = race
    this.exchanger = exchanger
    this.clock = clock
    this.events = events
    this.attempts = new Attempts(race.servers)
    this.until = clock.monotonic() + race.lifetime
    this.task = race.cancellation.onCancel(() => this.giveUp())
  }

  /** Asks the next server, if there is one. */
  launch(): void {
    this.timer?.cancel()
    if (this.over) return
    const attempt = this.nextAttempt()
    if (attempt) this.start(attempt)
    else if (this.running === 0) this.giveUp()
    else this.timer = this.clock.after(this.until - this.clock.monotonic(), () => this.giveUp())
  }

  private nextAttempt(): Attempt | undefined {
    for (;;) {
      const attempt = this.attempts.next()
      if (!attempt?.server.full) return attempt
      this.failures.push({ server: attempt.server, error: new ExchangeError('local', TOO_MANY) })
      this.attempts.spend(attempt.server)
    }
  }

  private start({ server, round }: Attempt): void {
    const begun = this.clock.monotonic()
    const runner = new Runner(this, server, begun)
    this.runners.push(runner)
    this.running++
    this.events.asked(server)
    runner.asked = this.exchanger.exchange(server, this.race.question, runner)
    this.timer = this.patience(server, begun, server.timeout(round))
  }

  /** After so long the next server is asked as well, unless the race is over by then. */
  private patience(server: Server, begun: number, milliseconds: number): Timer {
    const left = this.until - begun
    if (left <= milliseconds) return this.clock.after(left, () => this.giveUp())
    return this.clock.after(milliseconds, () => {
      if (server.failed(this.clock.monotonic(), begun)) this.events.lost(server, 'no answer')
      this.launch()
    })
  }

  finished({ server, begun }: Runner, message: Message): void {
    this.running--
    const now = this.clock.monotonic()
    if (server.answered(now - begun, now)) this.events.recovered(server)
    const judged = this.judge(message, server)
    if (judged !== undefined) {
      this.end({ kind: 'won', judged })
      return
    }
    this.attempts.spend(server)
    this.failures.push({ server, response: message })
    this.launch()
  }

  /** Nothing that a server sends may stop us: what can't even be judged is of no use. */
  private judge(message: Message, server: Server): Judged | undefined {
    try {
      return this.race.judge(message, server)
    } catch {
      return undefined
    }
  }

  broke({ server }: Runner, error: ExchangeError): void {
    this.running--
    // A connection refused will be refused again; silence has been counted when the next attempt began.
    if (error.failure === 'network' || error.failure === 'local') this.attempts.spend(server)
    if (error.failure === 'network') {
      if (server.failed(this.clock.monotonic())) this.events.lost(server, error.message)
    }
    this.failures.push({ server, error })
    this.launch()
  }

  private giveUp(): void {
    this.end({ kind: 'lost', failures: this.failures })
  }

  private end(result: RaceResult<Judged>): void {
    if (this.over) return
    this.over = true
    if (this.task) this.race.cancellation.off(this.task)
    this.timer?.cancel()
    for (const { asked } of this.runners) asked?.abandon()
    this.race.ended(result)
  }
}

/** A server that was asked in a race. */
class Runner implements ExchangeListener {
  readonly server: Server
  readonly begun: number
  asked: Asked | undefined
  private readonly race: Pick<Running<unknown>, 'finished' | 'broke'>

  constructor(race: Pick<Running<unknown>, 'finished' | 'broke'>, server: Server, begun: number) {
    this.race = race
    this.server = server
    this.begun = begun
  }

  heard(message: Message): void {
    this.race.finished(this, message)
  }

  failed(error: ExchangeError): void {
    this.race.broke(this, error)
  }
}

/** Asks a server the same question beside the others, only to learn how fast it is: nobody waits for it. */
function measure(
  server: Server,
  question: UpstreamQuestion,
  exchanger: Exchanger,
  clock: Clock,
  events: RaceEvents,
): void {
  const begun = clock.monotonic()
  events.asked(server)
  const asked = exchanger.exchange(server, question, {
    heard() {
      limit.cancel()
      if (server.answered(clock.monotonic() - begun, clock.monotonic())) events.recovered(server)
    },
    failed: () => limit.cancel(),
  })
  const limit = clock.after(MEASURE_LIFETIME, () => asked.abandon())
}

/** Slower servers whose round-trip time is not known any more. */
function dueForMeasure(servers: readonly Server[], now: number): Server[] {
  return servers.slice(1).filter(server => !server.down && server.dueForMeasure(now))
}

interface Attempt {
  server: Server
  round: number
}

/** Who is asked when: in the order given, those that are down last, in up to three rounds. */
export class Attempts {
  private readonly order: readonly Server[]
  /** Servers whose answer, though of no use, is known: asking them again would bring the same. */
  private readonly spent: Server[] = []
  private made = 0

  constructor(servers: readonly Server[]) {
    const downLast = servers.length > 1 && servers.some(server => server.down)
    this.order = downLast ? servers.toSorted((a, b) => Number(a.down) - Number(b.down)) : servers
  }

  /** The next attempt; undefined where there is none any more. */
  next(): Attempt | undefined {
    const { order, spent } = this
    while (this.made < Math.min(MAX_ATTEMPTS, order.length * ROUNDS)) {
      const server = order[this.made % order.length]!
      const round = Math.floor(this.made++ / order.length)
      if (!spent.includes(server)) return { server, round }
    }
    return undefined
  }

  /** The server is not to be asked again. */
  spend(server: Server): void {
    this.spent.push(server)
  }
}
