import type { Message } from '../dns/message.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Exchanger } from './exchange.ts'
import { ExchangeError } from './exchange-error.ts'
import type { UpstreamQuestion } from './question.ts'
import type { Server } from './server.ts'

/** What a race ends with: a response that its judge took, or all the ways in which the servers failed. */
export type RaceResult = { kind: 'won'; message: Message; server: Server } | { kind: 'lost'; failures: Failure[] }

/** One server's failure to give a usable response. */
export type Failure = { server: Server; error: ExchangeError } | { server: Server; response: Message }

/** What a race needs to know. */
export interface Race {
  servers: readonly Server[]
  question: UpstreamQuestion
  /** Milliseconds after which it is lost. */
  lifetime: number
  /** Ends the race early; it is lost then. */
  signal: AbortSignal
  /** The servers were arranged by how fast they are: of those that are not asked, that is found out now and then. */
  measured?: boolean
  /** Whether a response is of use; where it is not, other servers are asked. */
  usable: (response: Message) => boolean
}

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
/** Made once: an AbortSignal without a reason makes an Error each time. */
const ENDED = new Error('the race has ended')
const MEASURE_LIFETIME = 2000
const TOO_MANY = 'it has as many questions outstanding as max_concurrent allows'

/**
 * Asks the servers in order, each with the time that it usually takes; whoever is late goes on being listened to while the next is asked,
 * and the first usable response wins. An upstream that resolves a name for the first time may well take longer than any time-out.
 */
export function createRacing(
  exchanger: Exchanger,
  clock: Clock,
  events: RaceEvents,
): (race: Race) => Promise<RaceResult> {
  return race => {
    for (const server of dueForMeasure(race, clock.monotonic()))
      measure(server, race.question, exchanger, clock, events)
    return new Promise(resolve => run(race, exchanger, clock, events, resolve))
  }
}

function run(
  race: Race,
  exchanger: Exchanger,
  clock: Clock,
  events: RaceEvents,
  resolve: (result: RaceResult) => void,
): void {
  const attempts = planAttempts(race.servers)
  const failures: Failure[] = []
  /** Servers whose answer, though of no use, is known: asking them again would bring the same. */
  const spent = new Set<Server>()
  const abort = new AbortController()
  let running = 0
  let next: Timer | undefined
  const deadline = clock.after(race.lifetime, () => giveUp())

  const giveUp = () => end({ kind: 'lost', failures })
  race.signal.addEventListener('abort', giveUp, { once: true })
  const end = (result: RaceResult) => {
    race.signal.removeEventListener('abort', giveUp)
    deadline.cancel()
    next?.cancel()
    abort.abort(ENDED)
    resolve(result)
  }
  const launch = (): void => {
    next?.cancel()
    const attempt = nextAttempt()
    if (attempt) start(attempt)
    else if (running === 0) end({ kind: 'lost', failures })
  }
  const nextAttempt = (): Attempt | undefined => {
    for (;;) {
      const attempt = attempts.shift()
      if (!attempt || (!spent.has(attempt.server) && !attempt.server.full)) return attempt
      if (attempt.server.full) failures.push({ server: attempt.server, error: new ExchangeError('local', TOO_MANY) })
      spent.add(attempt.server)
    }
  }
  const start = ({ server, round }: Attempt) => {
    const begun = clock.monotonic()
    running++
    events.asked(server)
    exchanger.exchange(server, race.question, abort.signal).then(
      message => finished(server, begun, message),
      (error: ExchangeError) => broke(server, error),
    )
    next = clock.after(server.timeout(round), () => {
      if (server.failed(clock.monotonic(), begun)) events.lost(server, 'no answer')
      launch()
    })
  }
  const finished = (server: Server, begun: number, message: Message) => {
    running--
    if (server.answered(clock.monotonic() - begun, clock.monotonic())) events.recovered(server)
    if (abort.signal.aborted) return
    if (isUsable(race, message)) return end({ kind: 'won', message, server })
    spent.add(server)
    failures.push({ server, response: message })
    launch()
  }
  const broke = (server: Server, error: ExchangeError) => {
    running--
    if (abort.signal.aborted) return
    // A connection refused will be refused again; silence has been counted when the next attempt began.
    if (error.failure === 'network' || error.failure === 'local') spent.add(server)
    if (error.failure === 'network') {
      if (server.failed(clock.monotonic())) events.lost(server, error.message)
    }
    failures.push({ server, error })
    launch()
  }
  launch()
}

/** Nothing that a server sends may stop us: what can't even be judged is of no use. */
function isUsable(race: Race, message: Message): boolean {
  try {
    return race.usable(message)
  } catch {
    return false
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
  const abort = new AbortController()
  const limit = clock.after(MEASURE_LIFETIME, () => abort.abort())
  events.asked(server)
  exchanger
    .exchange(server, question, abort.signal)
    .then(
      () => server.answered(clock.monotonic() - begun, clock.monotonic()) && events.recovered(server),
      () => {},
    )
    .finally(() => limit.cancel())
}

/** Slower servers whose round-trip time is not known any more. */
function dueForMeasure({ servers, measured }: Race, now: number): Server[] {
  return measured ? servers.slice(1).filter(server => !server.down && server.dueForMeasure(now)) : []
}

interface Attempt {
  server: Server
  round: number
}

/** Who is asked when: in the order given, those that are down last, in up to three rounds. */
export function planAttempts(servers: readonly Server[]): Attempt[] {
  const order = [...servers.filter(server => !server.down), ...servers.filter(server => server.down)]
  return Array.from({ length: ROUNDS }, (_, round) => order.map(server => ({ server, round })))
    .flat()
    .slice(0, MAX_ATTEMPTS)
}
