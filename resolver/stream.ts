import type { Message } from '../dns/message.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Connection, ConnectOptions, Network } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import { ExchangeError } from './exchange-error.ts'
import { createFrameReader, frame } from './frames.ts'
import { judge } from './match.ts'
import { buildQuery, type QueryDress, type SentQuery, type UpstreamQuestion } from './question.ts'
import type { ServerAddress } from './server.ts'

/** RFC 7766 §6.2.3: an idle connection is closed by the client after a few seconds. */
const IDLE = 10_000
const MAX_PIPELINED = 256
/** A connection on which questions stayed unanswered for so long without any octet coming in is taken for dead. */
const SILENCE_BORNE = 3000

/** Connections to servers over TCP or TLS, kept and pipelined (RFC 7766 §6.2.1, RFC 7858 §3.4): one a server. */
export interface StreamPool {
  ask(at: ServerAddress, question: UpstreamQuestion, dress: QueryDress, signal: AbortSignal): Promise<Message>
  /** Whether a connection is open, so that no handshake has to be waited for. */
  connected(at: ServerAddress): boolean
  close(): void
}

interface Pending {
  sent: SentQuery
  resolve: (message: Message) => void
  reject: (error: ExchangeError) => void
}

interface Stream {
  connection: Promise<Connection>
  pending: Map<number, Pending>
  opened: boolean
  /** Whether an answer has come in: only a connection that worked is worth a second try when it breaks (RFC 7766 §6.2.4). */
  worked: boolean
  heard: number
  idle: Timer | undefined
  abort: AbortController
}

export function createStreamPool(network: Network, clock: Clock, random: Random): StreamPool {
  const streams = new Map<string, Stream>()
  const keyOf = (at: ServerAddress) => [at.transport, at.address, at.port, at.hostname].join(' ')

  async function ask(
    at: ServerAddress,
    question: UpstreamQuestion,
    dress: QueryDress,
    signal: AbortSignal,
  ): Promise<Message> {
    const key = keyOf(at)
    const existing = streams.get(key)
    const usable = existing && existing.pending.size < MAX_PIPELINED ? existing : undefined
    const stream = usable ?? open(key, at)
    try {
      return await askOn(key, stream, question, dress, signal)
    } catch (error) {
      // RFC 7766 §6.2.4: a server may close a kept connection at any time; what it left unanswered is asked on a fresh one.
      const stale = stream.worked && (error as ExchangeError).failure === 'network' && !signal.aborted
      if (!stale) throw error
      return askOn(key, streams.get(key) ?? open(key, at), question, dress, signal)
    }
  }

  function open(key: string, at: ServerAddress): Stream {
    const abort = new AbortController()
    const connection = network.connect({ address: at.address, port: at.port }, connectOptions(at, abort.signal))
    const stream: Stream = {
      connection,
      pending: new Map(),
      opened: false,
      worked: false,
      heard: clock.monotonic(),
      idle: undefined,
      abort,
    }
    streams.set(key, stream)
    connection.then(
      established => {
        stream.opened = true
        stream.heard = clock.monotonic()
        void receive(key, stream, established)
      },
      (error: Error) => drop(key, stream, error.message),
    )
    return stream
  }

  async function askOn(
    key: string,
    stream: Stream,
    question: UpstreamQuestion,
    dress: QueryDress,
    signal: AbortSignal,
  ): Promise<Message> {
    const id = freeId(stream, random)
    const sent = buildQuery(question, dress, id, random)
    stream.idle?.cancel()
    const answer = new Promise<Message>((resolve, reject) => stream.pending.set(id, { sent, resolve, reject }))
    const abandon = () => {
      stream.pending.get(id)?.reject(new ExchangeError('timeout', 'no answer'))
      if (clock.monotonic() - stream.heard >= SILENCE_BORNE) drop(key, stream, 'the connection is silent')
    }
    signal.addEventListener('abort', abandon, { once: true })
    stream.connection.then(
      connection => stream.pending.has(id) && connection.write(frame(sent.wire)),
      () => {},
    )
    if (signal.aborted) abandon()
    try {
      return await answer
    } finally {
      signal.removeEventListener('abort', abandon)
      stream.pending.delete(id)
      if (stream.pending.size === 0) rest(key, stream)
    }
  }

  function rest(key: string, stream: Stream): void {
    stream.idle?.cancel()
    stream.idle = clock.after(IDLE, () => drop(key, stream, 'idle'))
  }

  async function receive(key: string, stream: Stream, connection: Connection): Promise<void> {
    const frames = createFrameReader()
    try {
      for await (const chunk of connection.chunks) {
        stream.heard = clock.monotonic()
        for (const message of frames.push(chunk)) deliver(stream, message)
      }
      drop(key, stream, 'the server closed the connection')
    } catch (error) {
      drop(key, stream, (error as Error).message)
    }
  }

  function drop(key: string, stream: Stream, reason: string): void {
    if (streams.get(key) === stream) streams.delete(key)
    stream.idle?.cancel()
    stream.abort.abort()
    stream.connection.then(
      connection => connection.close(),
      () => {},
    )
    for (const { reject } of stream.pending.values()) reject(new ExchangeError('network', reason))
    stream.pending.clear()
  }

  return {
    ask,
    connected: at => streams.get(keyOf(at))?.opened ?? false,
    close: () => {
      for (const [key, stream] of streams) drop(key, stream, 'the resolver is closing')
    },
  }
}

function connectOptions(at: ServerAddress, signal: AbortSignal): ConnectOptions {
  if (at.transport === 'udp') return { signal }
  // RFC 8310 §5: the strict profile; the certificate must carry the configured name, or the address where none is given.
  return { signal, tls: { alpn: ['dot'], ...(at.hostname !== undefined && { servername: at.hostname }) } }
}

function freeId(stream: Stream, random: Random): number {
  for (;;) {
    const id = random.below(65536)
    if (!stream.pending.has(id)) return id
  }
}

function deliver(stream: Stream, bytes: Uint8Array): void {
  const pending = bytes.length < 2 ? undefined : stream.pending.get((bytes[0]! << 8) | bytes[1]!)
  if (!pending) return
  const verdict = judge(bytes, pending.sent, false)
  if (verdict.kind === 'response') {
    stream.worked = true
    pending.resolve(verdict.message)
  } else if (verdict.kind === 'malformed') pending.reject(new ExchangeError('invalid', verdict.reason))
}
