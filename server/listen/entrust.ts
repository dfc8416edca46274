import type { Server, Socket } from 'node:net'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import { lookFirst } from './before-handshake.ts'
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

/** Handshakes that the other thread is given. It has other work, which those who open one connection after another may not keep it from; they are served here. */
const ALLOWED = { burst: 64, rate: 32, most: 1 }
/** They are counted together, whoever the client is. */
const ALL = 'all'

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
  const allowance = new Allowance(clock, ALLOWED)
  lookFirst(server, (socket, proceed) => {
    const look = (read: Buffer) => {
      const hello = readClientHello(read)
      return hello === undefined ? undefined : { length: 0, hello, read }
    }
    readFirst(socket, patience, look, ({ hello, read }) => {
      if (hello && wanted(hello) && allowance.take(ALL) && entrust(socket, read)) return
      proceed()
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
