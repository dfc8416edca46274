import { getSystemErrorName } from 'node:util'
import type { Network, SocketAddress, SourceOptions, UdpSocket } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { EpollSet } from '../listen/epoll.ts'
import { LINUX, type Libc } from '../listen/libc.ts'
import type { PolledSocket, Poller } from '../listen/poller.ts'
import { makeSockaddr, writePort } from '../listen/sockaddr.ts'
import type { Descriptors } from '../threads/descriptors.ts'

/** What a polled network is made of. */
export interface PolledNetworkOptions {
  libc: Libc
  poller: Poller
  descriptors: Descriptors
  random: Random
  /** The network for connections, and for datagrams where no descriptor is left to be noted. */
  plain: Network
}

/**
 * A network whose datagrams the thread's `Poller` waits for: opened, sent and received by system calls alone. `dgram` would take a dozen objects
 * and two turns of its own for each.
 */
export function createPolledNetwork(options: PolledNetworkOptions): Network {
  const { descriptors, plain } = options
  const sockets = new PolledDatagrams(options)
  return {
    connect: plain.connect,
    udp: async (remote, onMessage, onError, source) =>
      descriptors.hasRoom
        ? sockets.open(remote, onMessage, onError, source)
        : plain.udp(remote, onMessage, onError, source),
  }
}

/** Octets of the longest datagram. */
const LONGEST = 65_535
const PORT_TRIES = 8
const FIRST_PORT = 1024
const PORTS = 65_536

interface Handlers {
  onMessage: (message: Uint8Array) => void
  onError: (error: Error) => void
}

/** All connected UDP sockets of a thread, behind one descriptor for its poller. */
class PolledDatagrams implements PolledSocket {
  private readonly options: PolledNetworkOptions
  private readonly set: EpollSet
  /** By descriptor: those are small numbers, used again as soon as they are free. */
  private readonly handlers: (Handlers | undefined)[] = []
  private count = 0
  private readonly buffer = new Uint8Array(LONGEST)

  constructor(options: PolledNetworkOptions) {
    this.options = options
    this.set = new EpollSet(options.libc)
    options.descriptors.opened(this.set.fd)
  }

  get fd(): number {
    return this.set.fd
  }

  open(
    remote: SocketAddress,
    onMessage: Handlers['onMessage'],
    onError: Handlers['onError'],
    { source }: SourceOptions = {},
  ): UdpSocket {
    const { libc, descriptors, poller } = this.options
    const fd = this.connected(remote, source)
    descriptors.opened(fd)
    this.set.add(fd)
    this.handlers[fd] = { onMessage, onError }
    if (++this.count === 1) poller.add(this)
    let open = true
    return {
      send: message => {
        if (!open || libc.send(fd, message, message.length, LINUX.MSG_DONTWAIT) >= 0) return
        const error = this.failure()
        if (error) queueMicrotask(() => open && onError(error))
      },
      close: () => {
        if (open) this.close(fd)
        open = false
      },
    }
  }

  private close(fd: number): void {
    const { libc, descriptors, poller } = this.options
    this.handlers[fd] = undefined
    descriptors.closing(fd)
    libc.close(fd)
    if (--this.count === 0) poller.remove(this)
  }

  /** A socket that is bound to a port of its own and connected. Throws what the system says. */
  private connected(remote: SocketAddress, source: string | undefined): number {
    const { libc } = this.options
    const sockaddr = makeSockaddr(remote)
    const family = remote.address.includes(':') ? LINUX.AF_INET6 : LINUX.AF_INET
    const fd = libc.socket(family, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0)
    if (fd < 0) throw systemError('socket', libc.errno())
    const local = source ?? (family === LINUX.AF_INET6 ? '::' : '0.0.0.0')
    if (this.bindRandomPort(fd, local) && libc.connect(fd, sockaddr, sockaddr.length) === 0) return fd
    const error = systemError('connect', libc.errno())
    libc.close(fd)
    throw error
  }

  /** RFC 5452 §9.2: the source port is unpredictable, from as wide a range as there is; the kernel's own choice comes last. */
  private bindRandomPort(fd: number, address: string): boolean {
    const { libc, random } = this.options
    const sockaddr = makeSockaddr({ address, port: 0 })
    for (let tries = 1; tries <= PORT_TRIES; tries++) {
      writePort(sockaddr, tries < PORT_TRIES ? FIRST_PORT + random.below(PORTS - FIRST_PORT) : 0)
      if (libc.bind(fd, sockaddr, sockaddr.length) === 0) return true
      if (libc.errno() !== LINUX.EADDRINUSE && libc.errno() !== LINUX.EACCES) return false
    }
    return false
  }

  /** Hands out what has come, a datagram for each socket; a socket that has more is readable still. */
  serve(): boolean {
    const count = this.set.poll()
    for (let i = 0; i < count; i++) this.receive(this.set.ready(i))
    return count > 0
  }

  private receive(fd: number): void {
    const { libc } = this.options
    const handlers = this.handlers[fd]
    // Closed meanwhile by what another's datagram has led to.
    if (!handlers) return
    const length = libc.recv(fd, this.buffer, LONGEST, LINUX.MSG_DONTWAIT)
    if (length >= 0) {
      handlers.onMessage(this.buffer.subarray(0, length))
      return
    }
    const error = this.failure()
    if (error) handlers.onError(error)
  }

  /** Why the last call has failed, for the socket's owner; undefined where a datagram was lost for want of room, as any may be lost. */
  private failure(): Error | undefined {
    const errno = this.options.libc.errno()
    return errno === LINUX.EAGAIN || errno === LINUX.EINTR ? undefined : systemError('datagram', errno)
  }
}

function systemError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${call} ${code}`), { code })
}
