import { writeSync } from 'node:fs'
import type { SocketAddress } from '../../host/network.ts'
import type { DatagramCounts, DatagramListener, DatagramOptions } from './datagrams.ts'
import { LINUX } from './libc.ts'
import { BatchClient, type BatchLibrary } from './udp.ts'

/** A wildcard socket that was opened with IP_PKTINFO or IPV6_RECVPKTINFO. */
export interface WildcardSocket {
  fd: number
  local: SocketAddress
}

const POLL_MILLISECONDS = 1000
const POLLFD = 8

/**
 * Serves the wildcard sockets of one thread: they receive only what no socket of a single address takes, so addresses that the machine
 * got after the start. `dgram` would hide which address was asked (and answer from another), so a thread of the pool waits in
 * poll(2) instead, for all of them in one call, and is woken through an eventfd when it is time to close.
 */
export function listenLate(
  sockets: readonly WildcardSocket[],
  library: BatchLibrary,
  options: DatagramOptions,
): DatagramListener {
  const { libc } = library
  const counts: DatagramCounts = { batches: 0, received: 0, dropped: 0 }
  const wake = libc.eventfd(0, LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK)
  const clients = sockets.map(({ fd, local }) => new BatchClient(library, fd, local, true))
  const watched = [wake, ...sockets.map(({ fd }) => fd)]
  // Referenced by `wait`, which the pending call refers to: the kernel writes into it.
  const interests = new Int32Array(new ArrayBuffer(watched.length * POLLFD))
  const descriptors = libc.addressOf(interests.buffer)
  let closing: (() => void) | undefined
  const finish = (): void => {
    libc.close(wake)
    closing?.()
  }
  const drain = (): boolean => clients.map(client => client.serve(0, options, counts)).some(count => count > 0)
  const wait = (): void => {
    for (const [i, fd] of watched.entries()) interests.set([fd, LINUX.POLLIN], i * 2)
    libc.pollAsync(descriptors, watched.length, POLL_MILLISECONDS, again)
  }
  const again = (): void => {
    if (closing) finish()
    else if (drain()) setImmediate(again)
    else wait()
  }
  wait()
  const close = (): Promise<void> => {
    for (const client of clients) client.close()
    writeSync(wake, new Uint8Array(new BigUint64Array([1n]).buffer))
    return new Promise(resolve => {
      closing = resolve
    })
  }
  return { address: sockets[0]!.local, counts, close }
}
