import { createFrameReader, frame } from '../../dns/frames.ts'
import type { Message } from '../../dns/message.ts'
import { equalNames } from '../../dns/name.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Connection } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import type { Cancellation } from '../cancellation.ts'
import { buildQuery, type QueryDress, type SentQuery, type UpstreamQuestion } from '../question.ts'
import { ExchangeError, socketFailure } from './exchange-error.ts'
import { judge } from './match.ts'

/** RFC 7766 §6.2.3: an idle connection is closed by the client after a few seconds. */
const IDLE = 10_000
const CONNECT_TIMEOUT = 3000
/** A question unanswered for so long, with nothing else answered since, makes a connection doubtful: others take a fresh one. */
const SILENCE_BORNE = 1000
const MAX_PIPELINED = 256

/** One connection to a server over TCP or TLS, on which questions are pipelined and answered in any order (RFC 7766 §6.2.1, RFC 7858 §3.3). */
export interface DnsStream {
  ask(question: UpstreamQuestion, dress: QueryDress, cancellation: Cancellation): Promise<Message>
  /** Whether it may take another question, this one. */
  fit(question?: UpstreamQuestion): boolean
  /** Whether the handshake is done. */
  readonly opened: boolean
  /** Whether an answer has come in on it. */
  readonly worked: boolean
  close(reason: string): void
}

/** What a stream works with. */
export interface StreamOptions {
  connect: (signal: AbortSignal) => Promise<Connection>
  clock: Clock
  random: Random
  /** It takes no more questions, by our doing or the server's. Never called while it is being made. */
  onClosed: () => void
}

interface Pending {
  sent: SentQuery
  begun: number
  resolve: (message: Message) => void
  reject: (error: ExchangeError) => void
}

/** Begins to connect. */
export function createDnsStream({ connect, clock, random, onClosed }: StreamOptions): DnsStream {
  /** In the order in which they were asked. An array: a Map's tables would hold what is long answered (cancellation.ts). */
  const pending: Pending[] = []
  const abort = new AbortController()
  let opened: Connection | undefined
  /** Questions of this turn of the event loop, which go out in one piece. */
  let unsent: Uint8Array[] = []
  let worked = false
  let closed = false
  let heard = clock.monotonic()
  let timer: Timer = clock.after(CONNECT_TIMEOUT, () => close('no connection in time'))
  const connection = connect(abort.signal)
  connection.then(established, error => end(socketFailure(error)))

  function established(connection: Connection): void {
    if (closed) return
    opened = connection
    heard = clock.monotonic()
    timer.cancel()
    rest()
    void receive(connection)
  }

  async function ask(question: UpstreamQuestion, dress: QueryDress, cancellation: Cancellation): Promise<Message> {
    const sent = buildQuery(question, dress, freeId(), random)
    const answer = new Promise<Message>((resolve, reject) =>
      pending.push({ sent, begun: clock.monotonic(), resolve, reject }),
    )
    if (opened) timer.cancel()
    if (opened) send(opened, sent)
    else
      connection.then(
        connection => asked(sent.id) && send(connection, sent),
        () => {},
      )
    const abandon = () => asked(sent.id)?.reject(new ExchangeError('timeout', 'no answer'))
    const task = cancellation.onCancel(abandon)
    try {
      return await answer
    } finally {
      cancellation.off(task)
      pending.splice(
        pending.findIndex(({ sent: { id } }) => id === sent.id),
        1,
      )
      rest()
    }
  }

  function send(connection: Connection, { wire }: SentQuery): void {
    if (unsent.push(frame(wire)) > 1) return
    queueMicrotask(() => {
      connection.write(unsent.length === 1 ? unsent[0]! : Buffer.concat(unsent))
      unsent = []
    })
  }

  function asked(id: number): Pending | undefined {
    return pending.find(({ sent }) => sent.id === id)
  }

  function freeId(): number {
    for (;;) {
      const id = random.below(65536)
      if (!asked(id)) return id
    }
  }

  function rest(): void {
    if (!opened || closed || pending.length > 0) return
    timer.cancel()
    timer = clock.after(IDLE, () => close('idle'))
  }

  async function receive(connection: Connection): Promise<void> {
    const frames = createFrameReader()
    try {
      for await (const chunk of connection.chunks) for (const message of frames.push(chunk)) deliver(message)
      close('the server closed the connection')
    } catch (error) {
      end(socketFailure(error as Error))
    }
  }

  function deliver(bytes: Uint8Array): void {
    const query = bytes.length < 2 ? undefined : asked((bytes[0]! << 8) | bytes[1]!)
    const verdict = query && judge(bytes, query.sent, false)
    if (verdict?.kind === 'malformed') query?.reject(new ExchangeError('invalid', verdict.reason))
    if (verdict?.kind !== 'response') return
    worked = true
    heard = clock.monotonic()
    query?.resolve(verdict.message)
  }

  function fit(question?: UpstreamQuestion): boolean {
    if (closed || pending.length >= MAX_PIPELINED) return false
    // A stream loses nothing: to ask on it again is of use only where it is dead, and then of none.
    if (opened && question && unheard(question)) return false
    const [oldest] = pending
    return !oldest || clock.monotonic() - Math.max(heard, oldest.begun) < SILENCE_BORNE
  }

  function unheard({ name, type }: UpstreamQuestion): boolean {
    for (const { sent, begun } of pending)
      if (heard <= begun && sent.type === type && equalNames(sent.name, name)) return true
    return false
  }

  function close(reason: string): void {
    end(new ExchangeError('network', reason))
  }

  function end(error: ExchangeError): void {
    if (closed) return
    closed = true
    timer.cancel()
    abort.abort()
    connection.then(
      connection => connection.close(),
      () => {},
    )
    for (const { reject } of pending) reject(error)
    onClosed()
  }

  return {
    ask,
    fit,
    close,
    get opened() {
      return opened !== undefined
    },
    get worked() {
      return worked
    },
  }
}
