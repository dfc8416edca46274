import { createRequire } from 'node:module'

/**
 * The system calls that Node does not offer: sockets that share a port, datagrams in batches, the address a datagram came to, what the
 * service manager passes on and wants to hear.
 * Each returns what the call returns: -1 on failure, and `errno()` then says why. Pointers go into `ArrayBuffer`s, which never move.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  listen(fd: number, backlog: number): number
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number
  fcntl(fd: number, command: number, argument: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  send(fd: number, message: Uint8Array, length: number, flags: number): number
  recv(fd: number, into: Uint8Array, length: number, flags: number): number
  close(fd: number): number
  /** Gives memory that is free back to the system, but for `pad` octets. */
  malloc_trim?(pad: number): number
  /** `headers` is an array of `struct mmsghdr` inside `memory`, given by its address. */
  recvmmsg(fd: number, headers: bigint, count: number, flags: number, timeout: null): number
  sendmmsg(fd: number, headers: bigint, count: number, flags: number): number
  /** `limit` is a `struct rlimit`; process 0 is our own. */
  prlimit(process: number, resource: number, limit: Uint8Array, before: null): number
  /** Thread 0 is the one that calls; `parameters` is a `struct sched_param`. */
  sched_setscheduler(thread: number, policy: number, parameters: Uint8Array): number
  epoll_create1(flags: number): number
  /** `event` is a `struct epoll_event`. */
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array): number
  /** `events` has room for `count` of `struct epoll_event`. */
  epoll_wait(epoll: number, events: Uint8Array, count: number, milliseconds: number): number
  /** A descriptor that is readable once 8 octets have been written to it: wakes a `pollAsync`. */
  eventfd(initial: number, flags: number): number
  /** `descriptors` is an array of `struct pollfd`. */
  poll(descriptors: bigint, count: number, milliseconds: number): number
  /** The same on another thread, so that this one is free meanwhile. */
  pollAsync(
    descriptors: bigint,
    count: number,
    milliseconds: number,
    done: (error: unknown, ready: number) => void,
  ): void
  addressOf(memory: ArrayBuffer): bigint
  errno(): number
}

/** Numbers of Linux on x64 and arm64, where they are the same (asm-generic). */
export const LINUX = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_TYPE: 3,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_REUSEPORT: 15,
  SO_RCVBUFFORCE: 33,
  IPPROTO_IP: 0,
  IP_PKTINFO: 8,
  IP_MTU_DISCOVER: 10,
  IP_PMTUDISC_OMIT: 5,
  IPPROTO_IPV6: 41,
  IPV6_MTU_DISCOVER: 23,
  IPV6_V6ONLY: 26,
  IPV6_RECVPKTINFO: 49,
  IPV6_PKTINFO: 50,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  POLLIN: 1,
  POLLOUT: 4,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_MOD: 3,
  F_SETFD: 2,
  F_SETFL: 4,
  FD_CLOEXEC: 1,
  O_NONBLOCK: 0o4000,
  F_DUPFD_CLOEXEC: 1030,
  EINTR: 4,
  EAGAIN: 11,
  EACCES: 13,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  EAFNOSUPPORT: 97,
} as const

let loaded: Libc | undefined
let tried = false

/** The C library of this system, or undefined where it can't be called: then plain `dgram` and `net` serve. */
export function loadLibc(): Libc | undefined {
  if (!tried) {
    tried = true
    loaded = supported() ? tryLoad() : undefined
  }
  return loaded
}

/** The layouts of `struct msghdr` and `sockaddr` below are those of 64-bit little-endian Linux. */
function supported(): boolean {
  return process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')
}

function tryLoad(): Libc | undefined {
  try {
    return bindLibc()
  } catch {
    return undefined
  }
}

function bindLibc(): Libc {
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi')
  const library = koffi.load('libc.so.6')
  const declare = (name: string, ...parameters: string[]) => library.func(name, 'int', parameters)
  const poll = declare('poll', 'void *', 'ulong', 'int')
  return {
    socket: declare('socket', 'int', 'int', 'int'),
    bind: declare('bind', 'int', 'void *', 'uint'),
    listen: declare('listen', 'int', 'int'),
    getsockname: declare('getsockname', 'int', 'void *', 'void *'),
    setsockopt: declare('setsockopt', 'int', 'int', 'int', 'void *', 'uint'),
    getsockopt: declare('getsockopt', 'int', 'int', 'int', 'void *', 'void *'),
    fcntl: declare('fcntl', 'int', 'int', 'int'),
    connect: declare('connect', 'int', 'void *', 'uint'),
    send: declare('send', 'int', 'void *', 'ulong', 'int'),
    recv: declare('recv', 'int', 'void *', 'ulong', 'int'),
    close: declare('close', 'int'),
    malloc_trim: declare('malloc_trim', 'ulong'),
    recvmmsg: declare('recvmmsg', 'int', 'void *', 'uint', 'int', 'void *'),
    sendmmsg: declare('sendmmsg', 'int', 'void *', 'uint', 'int'),
    prlimit: declare('prlimit', 'int', 'int', 'void *', 'void *'),
    sched_setscheduler: declare('sched_setscheduler', 'int', 'int', 'void *'),
    epoll_create1: declare('epoll_create1', 'int'),
    epoll_wait: declare('epoll_wait', 'int', 'void *', 'int', 'int'),
    epoll_ctl: declare('epoll_ctl', 'int', 'int', 'int', 'void *'),
    eventfd: declare('eventfd', 'uint', 'int'),
    poll,
    pollAsync: poll.async,
    addressOf: memory => BigInt(koffi.address(memory)),
    errno: () => koffi.errno(),
  }
}
