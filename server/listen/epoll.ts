import { LINUX, type Libc } from './libc.ts'

/** struct epoll_event: what is waited for, and the descriptor. Packed on x64 alone. */
const EVENT = process.arch === 'x64' ? { words: 3, fd: 1 } : { words: 4, fd: 2 }
/** Descriptors that are told in one call. */
const MOST_EVENTS = 64

/** struct epoll_event as libuv has it for a descriptor that is waited for. */
export function epollEvent(fd: number): Uint8Array {
  const words = new Int32Array(EVENT.words)
  words[0] = LINUX.POLLIN
  words[EVENT.fd] = fd
  return new Uint8Array(words.buffer)
}

/** A set of descriptors of which the kernel tells those that are readable: an epoll instance, itself readable while any of them is. */
export class EpollSet {
  readonly fd: number
  private readonly libc: Libc
  private readonly words = new Int32Array(MOST_EVENTS * EVENT.words)
  private readonly events = new Uint8Array(this.words.buffer)

  constructor(libc: Libc) {
    this.libc = libc
    this.fd = libc.epoll_create1(LINUX.SOCK_CLOEXEC)
  }

  /** False where the kernel does not take it. One that is closed is out of the set. */
  add(fd: number): boolean {
    return this.libc.epoll_ctl(this.fd, LINUX.EPOLL_CTL_ADD, fd, epollEvent(fd)) === 0
  }

  /** How many are readable now, up to a bound; `ready` says which. */
  poll(): number {
    return Math.max(0, this.libc.epoll_wait(this.fd, this.events, MOST_EVENTS, 0))
  }

  /** The descriptor in place `i` of those that the last `poll` found. */
  ready(i: number): number {
    return this.words[i * EVENT.words + EVENT.fd]!
  }

  close(): void {
    this.libc.close(this.fd)
  }
}
