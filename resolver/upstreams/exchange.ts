import { Flag } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import type { Clock } from '../../host/clock.ts'
import type { Network } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { Cancellation } from '../cancellation.ts'
import { buildQuery, type QueryDress, type UpstreamQuestion } from '../question.ts'
import { ExchangeError } from './exchange-error.ts'
import { addHop } from './hops.ts'
import { refusesFormat } from './match.ts'
import type { Server } from './server.ts'
import { createSocketPool, type SocketPool } from './socket-pool.ts'
import { createStreamPool, type StreamPool } from './stream-pool.ts'
import { type Asked, askUdp, type UdpListener } from './udp.ts'

/** Asks one server one question, by whatever way that server can be asked. */
export interface Exchanger {
  exchange(server: Server, question: UpstreamQuestion, listener: ExchangeListener): Asked
  close(): void
}

/** Hears how an exchange ended, once and never before `exchange` has returned; nothing where it was abandoned. */
export interface ExchangeListener {
  /** A response that answers the question and is not truncated. */
  heard(message: Message): void
  failed(error: ExchangeError): void
}

/** What an exchanger works with. */
export interface ExchangerOptions {
  network: Network
  clock: Clock
  random: Random
  /** Tells us apart from other daemons of ours, so that questions that go round are noticed. */
  id?: Uint8Array
}

export function createExchanger({ network, clock, random, id }: ExchangerOptions): Exchanger {
  const streams = createStreamPool(network, clock, random)
  const sockets = createSocketPool(network, clock, random)
  const ways: Ways = { clock, random, id, streams, sockets }
  return {
    exchange: (server, question, listener) => new Exchange(ways, server, question, listener).begin(),
    close: () => {
      streams.close()
      sockets.close()
    },
  }
}

/** What all exchanges share. */
interface Ways {
  clock: Clock
  random: Random
  id: Uint8Array | undefined
  streams: StreamPool
  sockets: SocketPool
}

/** A question that a server is being asked. Calls back instead of promising: thousands are under way, and each promise on the way of each costs as much as its system calls. */
class Exchange implements Asked, UdpListener {
  private readonly ways: Ways
  private readonly server: Server
  private readonly question: UpstreamQuestion
  private readonly listener: ExchangeListener
  /** Whether it is asked with EDNS, and whether that was tried in vain. */
  private edns = true
  private ednsRefused = false
  /** Its answer over UDP had the letters in another case. */
  private caseLost = false
  private asked: Asked | undefined
  private ended = false

  constructor(ways: Ways, server: Server, question: UpstreamQuestion, listener: ExchangeListener) {
    this.ways = ways
    this.server = server
    this.question = question
    this.listener = listener
  }

  begin(): this {
    this.server.asked++
    this.server.outstanding++
    this.edns = this.server.speaksEdns(this.ways.clock.monotonic())
    this.ask()
    return this
  }

  private ask(): void {
    if (this.server.encrypted) this.askStream()
    else this.askUdp()
  }

  private askUdp(): void {
    const { clock, random, sockets } = this.ways
    const { server } = this
    const mixedCase = server.keepsCase(clock.monotonic())
    const sent = buildQuery(this.question, this.dress(mixedCase, false), random.below(65536), random)
    this.asked = askUdp(sockets, server.at, sent, mixedCase, this)
  }

  private askStream(): void {
    const { server, question } = this
    const cancellation = new Cancellation()
    this.asked = { abandon: () => cancellation.cancel() }
    this.ways.streams.ask(server.at, question, this.dress(false, server.encrypted), cancellation).then(
      message => this.streamed(message),
      (error: ExchangeError) => this.failed(error),
    )
  }

  private dress(mixedCase: boolean, padded: boolean): QueryDress {
    const { id } = this.ways
    const dress: QueryDress = { edns: this.edns, mixedCase, padded }
    // Public servers are told nothing that they need not know.
    if (id && !this.server.isPublic) dress.hops = addHop(this.question.hops, id)
    return dress
  }

  answered(message: Message): void {
    // RFC 7766 §5: a truncated answer is asked for again over TCP.
    if (message.flags & Flag.TC) this.askStream()
    else this.responded(message)
  }

  /** What somebody may be forging is asked for again over TCP, which can't be guessed blindly. */
  doubted(reason: 'case' | 'forgeries'): void {
    this.caseLost = reason === 'case'
    this.askStream()
  }

  private streamed(message: Message): void {
    if (this.ended) return
    if (this.caseLost) this.server.lostCase(this.ways.clock.monotonic())
    this.responded(message)
  }

  private responded(response: Message): void {
    // RFC 6891 §7: a server without EDNS answers FORMERR and sends no OPT; it is asked again without.
    if (this.edns && refusesFormat(response) && !response.edns) {
      this.edns = false
      this.ednsRefused = true
      this.ask()
      return
    }
    if (this.ednsRefused && !refusesFormat(response)) this.server.refusedEdns(this.ways.clock.monotonic())
    if (response.flags & Flag.TC) this.failed(new ExchangeError('invalid', 'truncated over TCP'))
    else if (this.end()) this.listener.heard(response)
  }

  failed(error: ExchangeError): void {
    if (this.end()) this.listener.failed(error)
  }

  abandon(): void {
    if (this.end()) this.asked?.abandon()
  }

  /** False where it has ended before. */
  private end(): boolean {
    if (this.ended) return false
    this.ended = true
    this.server.outstanding--
    return true
  }
}
