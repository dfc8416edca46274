import type { Server, Socket } from 'node:net'
import type { Clock } from '../../host/clock.ts'
import { type ClientHello, readClientHello } from './client-hello.ts'
import type { Connections } from './connections.ts'
import { readFirst } from './first-octets.ts'
import { LINUX, type Libc } from './libc.ts'

/** Takes over a connection whole, TLS and all: its descriptor, what was read of it, and whom to tell once it has closed. */
export type TakeWhole = (fd: number, read: Uint8Array, closed: () => void) => void

/** Which connections are entrusted to another thread, and how. */
export interface Entrusting {
  libc: Libc
  take: TakeWhole
  clock: Clock
  /** Whether to, by what the client says first. */
  wanted(hello: ClientHello): boolean
}

/**
 * Handshakes that the other thread is given: so many at once, and after that so many a second. It has other work, which those who open one
 * connection after another may not keep it from; they are served here.
 */
const AT_ONCE = 64
const A_SECOND = 32

/**
 * Has a TLS server look at the ClientHello of each connection before the handshake, for at most `patience` milliseconds, and entrust to another thread those that it would pass
 * on in any case: passing on what was decrypted costs more than all else that is done for such a request here.
 */
export function entrustFirst(
  server: Server,
  connections: Connections,
  { libc, take, clock, wanted }: Entrusting,
  patience: number,
): void {
  const handshakes = server.listeners('connection') as ((socket: Socket) => void)[]
  const allowance = new Allowance(clock)
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const look = (read: Buffer) => {
      const hello = readClientHello(read)
      return hello === undefined ? undefined : { length: 0, hello, read }
    }
    readFirst(socket, patience, look, ({ hello, read }) => {
      if (hello && wanted(hello) && allowance.take() && entrust(socket, read)) return
      for (const handshake of handshakes) handshake.call(server, socket)
    })
  })

  /** False where it has to be served here. */
  function entrust(socket: Socket, read: Uint8Array): boolean {
    const fd = copyOf(socket, libc)
    if (fd === undefined) return false
    const closed = connections.entrust(socket)
    socket.destroy()
    if (closed) take(fd, new Uint8Array(read), closed)
    else libc.close(fd)
    return true
  }
}

/** Another descriptor of the connection, for Node closes its own; undefined where there is none to be had. */
function copyOf(socket: Socket, libc: Libc): number | undefined {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  const copy = libc.fcntl(fd, LINUX.F_DUPFD_CLOEXEC, 0)
  return copy < 0 ? undefined : copy
}

/** How many more may be taken at the moment. */
class Allowance {
  private readonly clock: Clock
  private left = AT_ONCE
  private at: number

  constructor(clock: Clock) {
    this.clock = clock
    this.at = clock.monotonic()
  }

  take(): boolean {
    const now = this.clock.monotonic()
    this.left = Math.min(AT_ONCE, this.left + ((now - this.at) / 1000) * A_SECOND)
    this.at = now
    if (this.left < 1) return false
    this.left--
    return true
  }
}
