import { Flag } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import type { Clock } from '../host/clock.ts'
import type { Network } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import type { Cancellation } from './cancellation.ts'
import { ExchangeError } from './exchange-error.ts'
import { addHop } from './hops.ts'
import { refusesFormat } from './match.ts'
import { buildQuery, type UpstreamQuestion } from './question.ts'
import type { Server } from './server.ts'
import { createSocketPool } from './socket-pool.ts'
import { createStreamPool } from './stream-pool.ts'
import { askUdp } from './udp.ts'

/** Asks one server one question, by whatever way that server can be asked. */
export interface Exchanger {
  /** A response that answers the question and is not truncated. Rejects with ExchangeError, where cancelled as well. */
  exchange(server: Server, question: UpstreamQuestion, cancellation: Cancellation): Promise<Message>
  close(): void
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
  /** Public servers are told nothing that they need not know. */
  const hopsFor = (server: Server, { hops }: UpstreamQuestion) =>
    id && !server.isPublic ? { hops: addHop(hops, id) } : {}
  const pool = createStreamPool(network, clock, random)
  const sockets = createSocketPool(network, clock, random)

  async function exchange(server: Server, question: UpstreamQuestion, cancellation: Cancellation): Promise<Message> {
    server.asked++
    server.outstanding++
    try {
      const edns = server.speaksEdns(clock.monotonic())
      const response = await ask(server, question, edns, cancellation)
      // RFC 6891 §7: a server without EDNS answers FORMERR and sends no OPT; it is asked again without.
      if (!edns || !refusesFormat(response) || response.edns) return usable(response)
      const plain = await ask(server, question, false, cancellation)
      if (!refusesFormat(plain)) server.refusedEdns(clock.monotonic())
      return usable(plain)
    } finally {
      server.outstanding--
    }
  }

  function ask(
    server: Server,
    question: UpstreamQuestion,
    edns: boolean,
    cancellation: Cancellation,
  ): Promise<Message> {
    const way = server.encrypted ? overStream : overUdp
    return way(server, question, edns, cancellation)
  }

  async function overUdp(
    server: Server,
    question: UpstreamQuestion,
    edns: boolean,
    cancellation: Cancellation,
  ): Promise<Message> {
    const mixedCase = server.keepsCase(clock.monotonic())
    const dress = { edns, mixedCase, padded: false, ...hopsFor(server, question) }
    const sent = buildQuery(question, dress, random.below(65536), random)
    const reply = await askUdp(sockets, server.at, sent, mixedCase, cancellation)
    if (reply.kind === 'message' && !(reply.message.flags & Flag.TC)) return reply.message
    // RFC 7766 §5: a truncated answer is asked for again over TCP. So is one that somebody may be forging: TCP can't be guessed blindly.
    const message = await overStream(server, question, edns, cancellation)
    if (reply.kind === 'case') server.lostCase(clock.monotonic())
    return message
  }

  function overStream(
    server: Server,
    question: UpstreamQuestion,
    edns: boolean,
    cancellation: Cancellation,
  ): Promise<Message> {
    const dress = { edns, mixedCase: false, padded: server.encrypted, ...hopsFor(server, question) }
    return pool.ask(server.at, question, dress, cancellation)
  }

  return {
    exchange,
    close: () => {
      pool.close()
      sockets.close()
    },
  }
}

function usable(response: Message): Message {
  if (response.flags & Flag.TC) throw new ExchangeError('invalid', 'truncated over TCP')
  return response
}
