import { printSocketAddress } from '../../config/address.ts'
import type { SocketAddress } from '../../host/network.ts'
import { LINUX, type Libc } from './libc.ts'
import { readSockaddr, SOCKADDR_IN6 } from './sockaddr.ts'

/** A bound socket that the service manager opened for us and that outlives us: what arrives during a restart waits in it. */
export interface InheritedSocket {
  type: 'tcp' | 'udp'
  address: SocketAddress
  fd: number
}

/** The first descriptor that a service manager passes on: sd_listen_fds(3). */
const FIRST = 3

/**
 * The sockets passed on by systemd's socket activation: `LISTEN_FDS` of them, where `LISTEN_PID` is this process. The variables are
 * removed, so that no child takes the sockets for its own. Throws a TypeError for one that is no UDP or TCP socket.
 */
export function takeInherited(libc: Libc, env: NodeJS.ProcessEnv, pid: number, first = FIRST): InheritedSocket[] {
  const count = env['LISTEN_PID'] === String(pid) ? Number(env['LISTEN_FDS'] ?? 0) : 0
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]
  if (!Number.isInteger(count) || count < 0) throw new TypeError('LISTEN_FDS is no number')
  return Array.from({ length: count }, (_, i) => describe(libc, first + i))
}

function describe(libc: Libc, fd: number): InheritedSocket {
  // systemd leaves it to us that children don't inherit the socket in turn.
  libc.fcntl(fd, LINUX.F_SETFD, LINUX.FD_CLOEXEC)
  libc.fcntl(fd, LINUX.F_SETFL, LINUX.O_NONBLOCK)
  const kind = optionOf(libc, fd, LINUX.SO_TYPE)
  const type = kind === LINUX.SOCK_STREAM ? 'tcp' : kind === LINUX.SOCK_DGRAM ? 'udp' : undefined
  const sockaddr = new Uint8Array(SOCKADDR_IN6)
  const named = libc.getsockname(fd, sockaddr, new Uint8Array(Int32Array.of(SOCKADDR_IN6).buffer)) === 0
  const family = sockaddr[0]
  if (!type || !named || (family !== LINUX.AF_INET && family !== LINUX.AF_INET6))
    throw new TypeError(`descriptor ${fd}, which the service manager passed on, is no UDP or TCP socket`)
  return { type, address: readSockaddr(sockaddr), fd }
}

function optionOf(libc: Libc, fd: number, option: number): number {
  const value = new Int32Array(1)
  const length = new Uint8Array(Int32Array.of(4).buffer)
  return libc.getsockopt(fd, LINUX.SOL_SOCKET, option, new Uint8Array(value.buffer), length) === 0 ? value[0]! : -1
}

/** Takes the socket for this address out of the list, where there is one. */
export function claim(
  inherited: InheritedSocket[],
  type: InheritedSocket['type'],
  address: SocketAddress,
): InheritedSocket | undefined {
  const wanted = printSocketAddress(address)
  const at = inherited.findIndex(one => one.type === type && printSocketAddress(one.address) === wanted)
  return at < 0 ? undefined : inherited.splice(at, 1)[0]
}
