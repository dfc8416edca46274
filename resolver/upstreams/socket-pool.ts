import type { Clock, Timer } from '../../host/clock.ts'
import type { Network, SocketAddress, UdpSocket } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { type ExchangeError, socketFailure } from './exchange-error.ts'

/**
 * UDP sockets by remote. A socket serves one query at a time, and none after two seconds, thirty-two queries, or a datagram that was no
 * answer: under load most queries save three system calls, and nobody has the time to find out a port (RFC 5452 §9.2).
 */
export interface SocketPool {
  /** A socket for one exchange: at once where one is at hand. Rejects with ExchangeError. */
  take(remote: SocketAddress): PooledSocket | Promise<PooledSocket>
  close(): void
}

/** Who has a socket of the pool. */
export interface SocketUser {
  received(message: Uint8Array): void
  failed(error: ExchangeError): void
}

/** A socket while an exchange has it. */
export interface PooledSocket {
  /** Says who hears what it receives. */
  use(user: SocketUser): void
  send(message: Uint8Array): void
  /** Gives it back, for it did what it should. */
  release(): void
  /** Ends it. */
  close(): void
}

const LIFETIME = 2000
const MOST_USES = 32
/** Questions under way come and go by hundreds: those that come back together are to find the sockets of those that went. */
const MOST_IDLE = 256

export function createSocketPool(network: Network, clock: Clock, random: Random): SocketPool {
  return new Sockets(network, clock, random)
}

class Sockets implements SocketPool {
  private readonly network: Network
  private readonly clock: Clock
  private readonly random: Random
  /** By remote; never an empty list. */
  private readonly idle = new Map<string, KeptSocket[]>()
  private closing = false

  constructor(network: Network, clock: Clock, random: Random) {
    this.network = network
    this.clock = clock
    this.random = random
  }

  take(remote: SocketAddress): PooledSocket | Promise<PooledSocket> {
    const key = `${remote.address} ${remote.port}`
    const waiting = this.idle.get(key)
    if (!waiting) return this.open(remote, key)
    return this.remove(waiting, this.random.below(waiting.length))
  }

  private async open(remote: SocketAddress, key: string): Promise<PooledSocket> {
    const kept = new KeptSocket(this, key)
    const socket = await this.network.udp(remote, kept.received, kept.failed).catch(error => {
      throw socketFailure(error)
    })
    kept.begin(
      socket,
      this.clock.after(LIFETIME, () => this.expire(kept)),
    )
    return kept
  }

  /** Keeps a socket for the next query, where it may serve one. */
  rest(kept: KeptSocket): void {
    const waiting = this.idle.get(kept.remote) ?? []
    if (this.closing || kept.isSpent || waiting.length >= MOST_IDLE) kept.close()
    else {
      waiting.push(kept)
      this.idle.set(kept.remote, waiting)
    }
  }

  /** It serves no other query. */
  expire(kept: KeptSocket): void {
    kept.expired = true
    const waiting = this.idle.get(kept.remote) ?? []
    const at = waiting.indexOf(kept)
    if (at >= 0) this.remove(waiting, at).close()
  }

  private remove(waiting: KeptSocket[], at: number): KeptSocket {
    const removed = waiting[at]!
    const last = waiting.pop()!
    if (last !== removed) waiting[at] = last
    if (waiting.length === 0) this.idle.delete(removed.remote)
    return removed
  }

  close(): void {
    this.closing = true
    for (const waiting of this.idle.values()) for (const kept of waiting) kept.close()
    this.idle.clear()
  }
}

/** A socket of the pool, lent or idle. */
class KeptSocket implements PooledSocket {
  readonly remote: string
  expired = false
  private readonly pool: Sockets
  private socket: UdpSocket | undefined
  private timer: Timer | undefined
  /** Nobody while it is idle. */
  private user: SocketUser | undefined
  private uses = 0

  constructor(pool: Sockets, remote: string) {
    this.pool = pool
    this.remote = remote
  }

  begin(socket: UdpSocket, timer: Timer): void {
    this.socket = socket
    this.timer = timer
  }

  get isSpent(): boolean {
    return this.expired || this.uses >= MOST_USES
  }

  use(user: SocketUser): void {
    this.uses++
    this.user = user
  }

  send(message: Uint8Array): void {
    this.socket!.send(message)
  }

  release(): void {
    this.user = undefined
    this.pool.rest(this)
  }

  close(): void {
    this.user = undefined
    this.timer?.cancel()
    this.socket?.close()
  }

  readonly received = (message: Uint8Array): void => {
    // Nothing should come in while it is idle; what does may be a guess, and the port known to somebody.
    if (this.user) this.user.received(message)
    else this.pool.expire(this)
  }

  readonly failed = (error: Error): void => {
    if (this.user) this.user.failed(socketFailure(error))
    else this.pool.expire(this)
  }
}
