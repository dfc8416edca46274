import { createSocket } from 'node:dgram'
import { epollEvent } from './epoll.ts'
import { LINUX, type Libc } from './libc.ts'

/** A socket whose datagrams are waited for. */
export interface PolledSocket {
  readonly fd: number
  /** Answers what is queued, up to a bound; true where an answer is still being worked on. */
  serve(): boolean
}

/** struct pollfd: the descriptor, and the two halves of the second word, what is waited for and what has come. */
const POLLFD_WORDS = 2
const REVENTS = 16
/** Waits of one turn of the event loop. */
const ROUNDS = 8
/** Milliseconds that a turn's first wait may take: timers are as late as that. It doubles while nothing comes. */
const LONGEST = 20
/** The same of the waits after it. */
const BRIEF = 1

/**
 * Waits for the datagrams of all sockets of a thread in one poll(2), and for whatever the event loop waits for, by the loop's own descriptor: `dgram`
 * would read a first datagram of every batch itself, which costs more than the rest of the batch. The thread has its own event loop as
 * its only other work; it gets a turn whenever it has something to do, and after a few batches in any case.
 */
export class Poller {
  private readonly libc: Libc
  private readonly loop: number
  private readonly busy: () => boolean
  /** Replaced when a socket comes or goes, so that a round under way goes on with the ones that it has waited for. */
  private sockets: readonly PolledSocket[] = []
  private readonly tasks = new Set<() => unknown>()
  /** Referenced as long as the kernel is told of it. */
  private polled = new Int32Array(new ArrayBuffer(0))
  private address = 0n
  private patience = BRIEF
  private turning = false

  private constructor(libc: Libc, loop: number, busy: () => boolean) {
    this.libc = libc
    this.loop = loop
    this.busy = busy
  }

  /**
   * For the thread that calls it; undefined where its event loop can not be waited for. While `busy` says so, something has its next turn of the
   * loop still to come, which no descriptor tells: then nothing is waited for.
   */
  static async create(libc: Libc, busy: () => boolean = () => false): Promise<Poller | undefined> {
    const loop = await findLoop(libc)
    return loop === undefined ? undefined : new Poller(libc, loop, busy)
  }

  add(socket: PolledSocket): void {
    this.layOut([...this.sockets, socket])
    if (this.turning) return
    this.turning = true
    setImmediate(this.turn)
  }

  remove(socket: PolledSocket): void {
    this.layOut(this.sockets.filter(other => other !== socket))
  }

  /**
   * Has `task` done before each wait: what must not lie about until something comes. Where it returns true, something that no descriptor tells
   * comes of it (a stream that goes on in the ticks of this turn), and nothing is waited for.
   */
  beforeWait(task: () => unknown): void {
    this.tasks.add(task)
  }

  private layOut(sockets: readonly PolledSocket[]): void {
    this.sockets = sockets
    const descriptors = [...sockets.map(({ fd }) => fd), this.loop]
    this.polled = Int32Array.from(descriptors.flatMap(fd => [fd, LINUX.POLLIN]))
    this.address = this.libc.addressOf(this.polled.buffer)
  }

  private readonly turn = (): void => {
    if (this.sockets.length === 0) {
      this.turning = false
      return
    }
    if (this.wait(this.patience)) {
      this.patience = BRIEF
      for (let round = 1; this.serve() && round < ROUNDS && this.wait(BRIEF); round++);
    } else this.patience = Math.min(this.patience * 2, LONGEST)
    setImmediate(this.turn)
  }

  private wait(milliseconds: number): boolean {
    let due = false
    for (const task of this.tasks) if (task() === true) due = true
    const longest = due || this.busy() ? 0 : milliseconds
    return this.libc.poll(this.address, this.polled.length / POLLFD_WORDS, longest) > 0
  }

  /** Serves the sockets that are ready; false where it is the event loop's turn. */
  private serve(): boolean {
    const { sockets, polled } = this
    let more = polled[polled.length - 1]! >>> REVENTS === 0
    for (let i = 0; i < sockets.length; i++)
      if (polled[i * POLLFD_WORDS + 1]! >>> REVENTS !== 0 && sockets[i]!.serve()) more = false
    return more
  }
}

/** Descriptors that are tried; those of event loops are opened early. */
const MOST_DESCRIPTORS = 4096

/** Finds the descriptor of this thread's event loop: of all epoll instances it is the one that knows a socket which was just opened here. */
async function findLoop(libc: Libc): Promise<number | undefined> {
  const fd = libc.socket(LINUX.AF_INET, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0)
  if (fd < 0) return undefined
  const socket = createSocket('udp4')
  socket.bind({ fd, exclusive: true })
  // What is to be watched is told to the kernel at the end of a turn.
  await new Promise<void>(resolve => setImmediate(() => setImmediate(resolve)))
  const event = epollEvent(fd)
  let loop = 0
  // Changes nothing where it knows the socket, and fails everywhere else.
  while (loop < MOST_DESCRIPTORS && libc.epoll_ctl(loop, LINUX.EPOLL_CTL_MOD, fd, event) !== 0) loop++
  await new Promise<void>(resolve => socket.close(resolve))
  return loop < MOST_DESCRIPTORS ? loop : undefined
}
