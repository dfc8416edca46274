import type { Message } from '../dns/message.ts'
import type { SocketAddress } from '../host/network.ts'
import type { Cancellation } from './cancellation.ts'
import { ExchangeError } from './exchange-error.ts'
import { judge } from './match.ts'
import type { SentQuery } from './question.ts'
import type { PooledSocket, SocketPool, SocketUser } from './socket-pool.ts'

/** What came back: a message, or a reason to ask again over a stream. */
export type UdpReply = { kind: 'message'; message: Message } | { kind: 'case' } | { kind: 'suspicious' }

/** So many datagrams that are no answer to the query mean that somebody is guessing. */
const FORGERIES_BORNE = 16

/** One query over UDP. It has its socket to itself, so that port and ID must both be guessed (RFC 5452 §9.2). Rejects with ExchangeError, where cancelled as well. */
export function askUdp(
  sockets: SocketPool,
  remote: SocketAddress,
  sent: SentQuery,
  exactCase: boolean,
  cancellation: Cancellation,
): Promise<UdpReply> {
  return new Promise((resolve, reject) => {
    const asking = new Asking(sent, exactCase, cancellation, resolve, reject)
    const socket = sockets.take(remote)
    if (socket instanceof Promise)
      socket.then(
        opened => asking.begin(opened),
        error => asking.failed(error),
      )
    else asking.begin(socket)
  })
}

/** A query that is under way on a socket. */
class Asking implements SocketUser {
  private readonly sent: SentQuery
  private readonly exactCase: boolean
  private readonly cancellation: Cancellation
  private readonly resolve: (reply: UdpReply) => void
  private readonly reject: (error: ExchangeError) => void
  private socket: PooledSocket | undefined
  private foreign = 0
  private settled = false

  constructor(
    sent: SentQuery,
    exactCase: boolean,
    cancellation: Cancellation,
    resolve: (reply: UdpReply) => void,
    reject: (error: ExchangeError) => void,
  ) {
    this.sent = sent
    this.exactCase = exactCase
    this.cancellation = cancellation
    this.resolve = resolve
    this.reject = reject
    cancellation.onCancel(this.abandon)
  }

  begin(socket: PooledSocket): void {
    if (this.settled) {
      socket.release()
      return
    }
    this.socket = socket
    socket.use(this)
    socket.send(this.sent.wire)
  }

  received(bytes: Uint8Array): void {
    const verdict = judge(bytes, this.sent, this.exactCase)
    if (verdict.kind === 'response') this.reply({ kind: 'message', message: verdict.message })
    else if (verdict.kind === 'case') this.reply({ kind: 'case' })
    else if (verdict.kind === 'malformed') this.failed(new ExchangeError('invalid', verdict.reason))
    else if (++this.foreign > FORGERIES_BORNE) this.reply({ kind: 'suspicious' })
  }

  failed(error: ExchangeError): void {
    if (!this.settle(false)) return
    this.reject(error)
  }

  private readonly abandon = (): void => this.failed(new ExchangeError('timeout', 'no answer'))

  private reply(reply: UdpReply): void {
    if (this.settle(reply.kind === 'message' && this.foreign === 0)) this.resolve(reply)
  }

  /** Gives the socket back, or where it is known to somebody or of no use ends it. False where that is done. */
  private settle(clean: boolean): boolean {
    if (this.settled) return false
    this.settled = true
    this.cancellation.off(this.abandon)
    if (clean) this.socket?.release()
    else this.socket?.close()
    return true
  }
}
