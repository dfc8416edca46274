import type { Message } from '../../dns/message.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { SentQuery } from '../question.ts'
import { ExchangeError } from './exchange-error.ts'
import { judge } from './match.ts'
import type { PooledSocket, SocketPool, SocketUser } from './socket-pool.ts'

/** Hears how a query over UDP ended, once; nothing where it was abandoned. */
export interface UdpListener {
  answered(message: Message): void
  /** A reason to ask again over a stream: the letters came back in another case, or somebody is guessing. */
  doubted(reason: 'case' | 'forgeries'): void
  failed(error: ExchangeError): void
}

/** Something that is under way. */
export interface Asked {
  /** Nobody waits for it any more. */
  abandon(): void
}

/** So many datagrams that are no answer to the query mean that somebody is guessing. */
const FORGERIES_BORNE = 16

/** One query over UDP. It has its socket to itself, so that port and ID must both be guessed (RFC 5452 §9.2). */
export function askUdp(
  sockets: SocketPool,
  remote: SocketAddress,
  sent: SentQuery,
  exactCase: boolean,
  listener: UdpListener,
): Asked {
  const asking = new Asking(sent, exactCase, listener)
  const socket = sockets.take(remote)
  if (socket instanceof Promise)
    socket.then(
      opened => asking.begin(opened),
      error => asking.failed(error),
    )
  else asking.begin(socket)
  return asking
}

/** A query that is under way on a socket. */
class Asking implements SocketUser, Asked {
  private readonly sent: SentQuery
  private readonly exactCase: boolean
  private readonly listener: UdpListener
  private socket: PooledSocket | undefined
  private foreign = 0
  private settled = false

  constructor(sent: SentQuery, exactCase: boolean, listener: UdpListener) {
    this.sent = sent
    this.exactCase = exactCase
    this.listener = listener
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
    if (verdict.kind === 'response') {
      if (this.settle(this.foreign === 0)) this.listener.answered(verdict.message)
    } else if (verdict.kind === 'malformed') this.failed(new ExchangeError('invalid', verdict.reason))
    else if (verdict.kind === 'case') this.doubt('case')
    else if (++this.foreign > FORGERIES_BORNE) this.doubt('forgeries')
  }

  failed(error: ExchangeError): void {
    if (this.settle(false)) this.listener.failed(error)
  }

  abandon(): void {
    this.settle(false)
  }

  private doubt(reason: 'case' | 'forgeries'): void {
    if (this.settle(false)) this.listener.doubted(reason)
  }

  /** Gives the socket back, or where it is known to somebody or of no use ends it. False where that is done. */
  private settle(clean: boolean): boolean {
    if (this.settled) return false
    this.settled = true
    if (clean) this.socket?.release()
    else this.socket?.close()
    return true
  }
}
