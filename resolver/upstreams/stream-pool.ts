import type { Message } from '../../dns/message.ts'
import type { Clock } from '../../host/clock.ts'
import type { Connection, ConnectOptions, Network } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import type { Cancellation } from '../cancellation.ts'
import type { QueryDress, UpstreamQuestion } from '../question.ts'
import { ExchangeError } from './exchange-error.ts'
import { createHttpsStream } from './https.ts'
import type { ServerAddress } from './server.ts'
import { createDnsStream, type DnsStream, type StreamOptions } from './stream.ts'

/** Connections to servers over TCP, TLS or HTTPS, one a server, kept while they are of use (RFC 7766 §6.2.1, RFC 7858 §3.4). */
export interface StreamPool {
  ask(at: ServerAddress, question: UpstreamQuestion, dress: QueryDress, cancellation: Cancellation): Promise<Message>
  close(): void
}

export function createStreamPool(network: Network, clock: Clock, random: Random): StreamPool {
  const streams = new Map<string, DnsStream>()
  const all = new Set<DnsStream>()

  async function ask(
    at: ServerAddress,
    question: UpstreamQuestion,
    dress: QueryDress,
    cancellation: Cancellation,
  ): Promise<Message> {
    const stream = streamTo(at, question)
    try {
      return await stream.ask(question, dress, cancellation)
    } catch (error) {
      // RFC 7766 §6.2.4: a server may close a kept connection at any time; what it left unanswered is asked on a fresh one.
      const expired = stream.worked && !stream.fit() && (error as ExchangeError).failure === 'network'
      if (!expired || cancellation.cancelled) throw error
      return streamTo(at, question).ask(question, dress, cancellation)
    }
  }

  function streamTo(at: ServerAddress, question: UpstreamQuestion): DnsStream {
    const key = [at.transport, at.address, at.port, at.hostname, at.pins?.join()].join(' ')
    const kept = streams.get(key)
    if (kept?.fit(question)) return kept
    const options: StreamOptions = {
      connect: signal => connect(at, signal),
      clock,
      random,
      onClosed: () => {
        all.delete(stream)
        if (streams.get(key) === stream) streams.delete(key)
      },
    }
    const stream: DnsStream = at.transport === 'https' ? createHttpsStream(at, options) : createDnsStream(options)
    all.add(stream)
    streams.set(key, stream)
    return stream
  }

  async function connect(at: ServerAddress, signal: AbortSignal): Promise<Connection> {
    const connection = await network.connect({ address: at.address, port: at.port }, connectOptions(at, signal))
    // RFC 7858 §4.2: one of the pinned keys must be the certificate's.
    if (!at.pins || at.pins.includes(connection.peerSpki ?? '')) return connection
    connection.close()
    throw new ExchangeError('network', "the key of the server's certificate is not one of those pinned")
  }

  return {
    ask,
    close: () => {
      for (const stream of all) stream.close('the resolver is closing')
    },
  }
}

function connectOptions(at: ServerAddress, signal: AbortSignal): ConnectOptions {
  if (at.transport === 'udp') return { signal }
  // RFC 8310 §5: the strict profile; the certificate must carry the configured name, or the address where none is given.
  return {
    signal,
    tls: {
      alpn: [at.transport === 'https' ? 'h2' : 'dot'],
      ...(at.hostname !== undefined && { servername: at.hostname }),
      // RFC 8310 §6.5: a pinned key stands for the server by itself, where no name is given beside it.
      ...(at.pins && at.hostname === undefined && { rejectUnauthorized: false }),
    },
  }
}
