import type { Message } from '../dns/message.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { Cancellation } from './cancellation.ts'
import type { Exchanger } from './exchange.ts'
import { ExchangeError } from './exchange-error.ts'
import type { UpstreamQuestion } from './question.ts'
import type { Server } from './server.ts'

/** What a race ends with: a response and what its judge made of it, or all the ways in which the servers failed. */
export type RaceResult<Judged> =
  | { kind: 'won'; message: Message; judged: Judged; server: Server }
  | { kind: 'lost'; failures: Failure[] }

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
  /** What a response says; undefined where it is of no use, and other servers are to be asked. */
  judge: (response: Message) => Judged | undefined
}

/** Holds a race. */
export type Racing = <Judged>(race: Race<Judged>) => Promise<RaceResult<Judged>>

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
    return new Promise<RaceResult<Judged>>(resolve => new Running(race, exchanger, clock, events, resolve).launch())
  }
}

/** A race that has not ended. */
class Running<Judged> {
  private readonly race: Race<Judged>
  private readonly exchanger: Exchanger
  private readonly clock: Clock
  private readonly events: RaceEvents
  private readonly resolve: (result: RaceResult<Judged>) => void
  private readonly attempts: Attempts
  private readonly failures: Failure[] = []
  /** For the exchanges that are under way when it ends. */
  private readonly ending = new Cancellation()
  private readonly until: number
  private running = 0
  /** Until the next server is asked too, or the race is given up. */
  private timer: Timer | undefined

  constructor(
    race: Race<Judged>,
    exchanger: Exchanger,
    clock: Clock,
    events: RaceEvents,
    resolve: (result: RaceResult<Judged>) => void,
  ) {
    this.race = race
    this.exchanger = exchanger
    this.clock = clock
    this.events = events
    this.resolve = resolve
    this.attempts = new Attempts(race.servers)
    this.until = clock.monotonic() + race.lifetime
    race.cancellation.onCancel(this.giveUp)
  }

  /** Asks the next server, if there is one. */
  launch(): void {
    this.timer?.cancel()
    if (this.ending.cancelled) return
    const attempt = this.nextAttempt()
    if (attempt) this.start(attempt)
    else if (this.running === 0) this.giveUp()
    else this.timer = this.clock.after(this.until - this.clock.monotonic(), this.giveUp)
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
    this.running++
    this.events.asked(server)
    this.exchanger.exchange(server, this.race.question, this.ending).then(
      message => this.finished(server, begun, message),
      (error: ExchangeError) => this.broke(server, error),
    )
    this.timer = this.patience(server, begun, server.timeout(round))
  }

  /** After so long the next server is asked as well, unless the race is over by then. */
  private patience(server: Server, begun: number, milliseconds: number): Timer {
    const { clock, events } = this
    const left = this.until - begun
    if (left <= milliseconds) return clock.after(left, this.giveUp)
    return clock.after(milliseconds, () => {
      if (server.failed(clock.monotonic(), begun)) events.lost(server, 'no answer')
      this.launch()
    })
  }

  private finished(server: Server, begun: number, message: Message): void {
    this.running--
    const now = this.clock.monotonic()
    if (server.answered(now - begun, now)) this.events.recovered(server)
    if (this.ending.cancelled) return
    const judged = this.judge(message)
    if (judged !== undefined) {
      this.end({ kind: 'won', message, judged, server })
      return
    }
    this.attempts.spend(server)
    this.failures.push({ server, response: message })
    this.launch()
  }

  /** Nothing that a server sends may stop us: what can't even be judged is of no use. */
  private judge(message: Message): Judged | undefined {
    try {
      return this.race.judge(message)
    } catch {
      return undefined
    }
  }

  private broke(server: Server, error: ExchangeError): void {
    this.running--
    if (this.ending.cancelled) return
    // A connection refused will be refused again; silence has been counted when the next attempt began.
    if (error.failure === 'network' || error.failure === 'local') this.attempts.spend(server)
    if (error.failure === 'network') {
      if (server.failed(this.clock.monotonic())) this.events.lost(server, error.message)
    }
    this.failures.push({ server, error })
    this.launch()
  }

  private readonly giveUp = (): void => this.end({ kind: 'lost', failures: this.failures })

  private end(result: RaceResult<Judged>): void {
    this.race.cancellation.off(this.giveUp)
    this.timer?.cancel()
    this.ending.cancel()
    this.resolve(result)
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
  const cancellation = new Cancellation()
  const limit = clock.after(MEASURE_LIFETIME, () => cancellation.cancel())
  events.asked(server)
  exchanger
    .exchange(server, question, cancellation)
    .then(
      () => server.answered(clock.monotonic() - begun, clock.monotonic()) && events.recovered(server),
      () => {},
    )
    .finally(() => limit.cancel())
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
