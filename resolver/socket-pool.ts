import type { Clock, Timer } from '../host/clock.ts'
import type { Network, SocketAddress, UdpSocket } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import { socketFailure } from './exchange-error.ts'

/**
 * UDP sockets by remote. A socket serves one query at a time, and none after two seconds, thirty-two queries, or a datagram that was no
 * answer: under load most queries save three system calls, and nobody has the time to find out a port (RFC 5452 §9.2).
 */
export interface SocketPool {
  /** A socket for one exchange, its handlers those given. Rejects with ExchangeError. */
  take(
    remote: SocketAddress,
    onMessage: (message: Uint8Array) => void,
    onError: (error: Error) => void,
  ): Promise<TakenSocket>
  close(): void
}

/** A socket while an exchange has it. */
export interface TakenSocket {
  send(message: Uint8Array): void
  /** Gives it back, for it did what it should. */
  release(): void
  /** Ends it. */
  close(): void
}

const LIFETIME = 2000
const MOST_USES = 32
const MOST_IDLE = 64

interface Kept {
  socket: UdpSocket
  remote: string
  uses: number
  expired: boolean
  timer: Timer
  onMessage: (message: Uint8Array) => void
  onError: (error: Error) => void
}

export function createSocketPool(network: Network, clock: Clock, random: Random): SocketPool {
  /** By remote; never an empty list. */
  const idle = new Map<string, Kept[]>()
  let closing = false

  const take: SocketPool['take'] = async (remote, onMessage, onError) => {
    const key = `${remote.address} ${remote.port}`
    const waiting = idle.get(key)
    const kept = waiting ? remove(key, waiting, random.below(waiting.length)) : await open(remote, key)
    return lend(kept, onMessage, onError)
  }

  async function open(address: SocketAddress, remote: string): Promise<Kept> {
    const kept: Partial<Kept> = { remote, uses: 0, expired: false }
    const receive = (message: Uint8Array) => kept.onMessage?.(message)
    const fail = (error: Error) => kept.onError?.(error)
    kept.socket = await network.udp(address, receive, fail).catch(error => {
      throw socketFailure(error)
    })
    kept.timer = clock.after(LIFETIME, () => expire(kept as Kept))
    return kept as Kept
  }

  function lend(kept: Kept, onMessage: Kept['onMessage'], onError: Kept['onError']): TakenSocket {
    kept.uses++
    kept.onMessage = onMessage
    kept.onError = error => onError(socketFailure(error))
    return {
      send: message => kept.socket.send(message),
      release: () => rest(kept),
      close: () => end(kept),
    }
  }

  function rest(kept: Kept): void {
    const waiting = idle.get(kept.remote) ?? []
    if (closing || kept.expired || kept.uses >= MOST_USES || waiting.length >= MOST_IDLE) {
      end(kept)
      return
    }
    // Nothing should come in now; what does may be a guess, and the port known to somebody.
    kept.onMessage = kept.onError = () => expire(kept)
    waiting.push(kept)
    idle.set(kept.remote, waiting)
  }

  function expire(kept: Kept): void {
    kept.expired = true
    const waiting = idle.get(kept.remote) ?? []
    const at = waiting.indexOf(kept)
    if (at >= 0) end(remove(kept.remote, waiting, at))
  }

  function remove(key: string, waiting: Kept[], at: number): Kept {
    const removed = waiting[at]!
    waiting[at] = waiting.at(-1)!
    waiting.pop()
    if (waiting.length === 0) idle.delete(key)
    return removed
  }

  function end(kept: Kept): void {
    kept.timer.cancel()
    kept.socket.close()
  }

  return {
    take,
    close() {
      closing = true
      for (const waiting of idle.values()) for (const kept of waiting.splice(0)) end(kept)
      idle.clear()
    },
  }
}
