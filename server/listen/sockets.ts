import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { addressBytes, printSocketAddress } from '../../config/address.ts'
import type { SocketAddress } from '../../host/network.ts'
import { claim, type InheritedSocket } from './inherited.ts'
import { LINUX, type Libc } from './libc.ts'
import { isWildcardAddress, makeSockaddr, readSockaddr, SOCKADDR_IN6 } from './sockaddr.ts'

/** Streams by what is spoken on them: DNS, DNS over TLS, HTTPS. */
export const STREAM_KINDS = ['tcp', 'tls', 'https'] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

/** A socket for one serving thread. Without `fd` the thread opens it itself. Plain data, so that it can be posted. */
export interface ServingSocket {
  /** `late`: a wildcard UDP socket that tells the destination of each datagram. */
  kind: 'udp' | 'late' | StreamKind
  address: SocketAddress
  /** Of a stream it is a duplicate that the thread owns and closes; the others stay with whoever opened them. */
  fd?: number
  /** Where the thread opens it: whether other threads open the same. */
  shared?: boolean
}

/** Every socket of the serving threads, opened before it gives up root: a thread that is replaced later could not bind them any more. */
export interface OpenSockets {
  /** What was bound, with the ports the system chose for port 0. */
  dns: SocketAddress[]
  dot: SocketAddress[]
  https: SocketAddress[]
  /** Sockets for the thread of that number. */
  forWorker(index: number): ServingSocket[]
  /** Threads get no more sockets: connections are refused once those that have some have closed them. */
  endStreams(): void
  /** Datagrams and connections that are still queued are dropped. */
  close(): void
}

/** A listener that can't be had, in one sentence that says what to do. */
export class ListenError extends Error {
  override name = 'ListenError'
  readonly code = 'listen'
  /** The system's word for it, as in "EADDRINUSE". */
  readonly reason: string
  constructor(message: string, reason: string) {
    super(message)
    this.reason = reason
  }
}

export interface ListenOptions {
  dns: readonly SocketAddress[]
  dot: readonly SocketAddress[]
  https?: readonly SocketAddress[]
  workers: number
  /** Undefined where the C library can't be called: sockets are then opened by the threads. */
  libc: Libc | undefined
  /** Sockets that the service manager has bound for us; those that are used are taken out. */
  inherited?: InheritedSocket[]
  /** The machine's addresses, for tests. */
  interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>
}

const BUFFER = 1 << 20
const BACKLOG = 511
/** Tries to find a port that is free in both UDP and TCP, where port 0 was asked for. */
const PORT_TRIES = 20

/** Opens all sockets, or none and throws ListenError. */
export async function openSockets(options: ListenOptions): Promise<OpenSockets> {
  return options.libc ? openDescriptors(options.libc, options) : probeAddresses(options)
}

/** One descriptor that was opened here; `worker` is the only thread it is for, undefined where every thread gets a duplicate. */
interface Descriptor {
  kind: ServingSocket['kind']
  address: SocketAddress
  fd: number
  worker?: number
}

function openDescriptors(libc: Libc, options: ListenOptions): OpenSockets {
  const descriptors: Descriptor[] = []
  const close = (): void => {
    for (const { fd } of descriptors.splice(0)) libc.close(fd)
  }
  try {
    const dns = uncovered(options.dns).map(address => openDns(libc, address, options, descriptors))
    const dot = uncovered(options.dot).map(address => openStream(libc, 'tls', address, options, descriptors))
    const https = uncovered(options.https ?? []).map(address =>
      openStream(libc, 'https', address, options, descriptors),
    )
    const forWorker = (index: number): ServingSocket[] =>
      descriptors
        .filter(({ worker }) => worker === undefined || worker === index)
        .map(({ kind, address, fd }) => ({ kind, address, fd: isStream(kind) ? duplicate(libc, fd) : fd }))
    const endStreams = (): void => {
      for (const { fd } of descriptors.filter(({ kind }) => isStream(kind))) libc.close(fd)
      descriptors.splice(0, descriptors.length, ...descriptors.filter(({ kind }) => !isStream(kind)))
    }
    return { dns, dot, https, forWorker, endStreams, close }
  } catch (error) {
    close()
    throw error
  }
}

/** The addresses without those that a wildcard among them takes in. */
function uncovered(addresses: readonly SocketAddress[]): SocketAddress[] {
  const family = ({ address }: SocketAddress): boolean => address.includes(':')
  const isWildcard = ({ address }: SocketAddress): boolean => isWildcardAddress(addressBytes(address)!)
  return addresses.filter(
    one =>
      one.port === 0 ||
      isWildcard(one) ||
      !addresses.some(other => isWildcard(other) && other.port === one.port && family(other) === family(one)),
  )
}

/** TCP first: its bind fails where the port is taken, and it chooses the port where it is 0. */
function openDns(libc: Libc, wanted: SocketAddress, options: ListenOptions, into: Descriptor[]): SocketAddress {
  for (let left = wanted.port === 0 ? PORT_TRIES : 1; ; left--) {
    const opened: Descriptor[] = []
    try {
      const bound = openStream(libc, 'tcp', wanted, options, opened)
      openDatagrams(libc, bound, options, opened)
      into.push(...opened)
      return bound
    } catch (error) {
      for (const { fd } of opened) libc.close(fd)
      if (left <= 1) throw error
    }
  }
}

function openStream(
  libc: Libc,
  kind: StreamKind,
  address: SocketAddress,
  { inherited = [] }: ListenOptions,
  into: Descriptor[],
): SocketAddress {
  const passed = claim(inherited, 'tcp', address)
  if (passed) {
    into.push({ kind, address, fd: passed.fd })
    return address
  }
  const fd = openSocket(libc, LINUX.SOCK_STREAM, address, [[LINUX.SOL_SOCKET, LINUX.SO_REUSEADDR, 1]])
  into.push({ kind, address, fd })
  // Another program may listen on an address that both have bound with SO_REUSEADDR: it shows only here.
  if (libc.listen(fd, BACKLOG) < 0) throw listenError(libc.errno(), 'tcp', address)
  const bound = boundTo(libc, fd, address)
  into[into.length - 1]!.address = bound
  return bound
}

function openDatagrams(libc: Libc, address: SocketAddress, options: ListenOptions, into: Descriptor[]): void {
  const wildcard = isWildcardAddress(addressBytes(address.address)!)
  const passed = claim(options.inherited ?? [], 'udp', address)
  if (passed) {
    adoptDatagrams(libc, passed, wildcard, into)
    return
  }
  probe(libc, address)
  // A wildcard socket does not know where a datagram was sent to, and may answer from another address: one socket for each address.
  const locals = wildcard ? localAddresses(address, options.interfaces ?? networkInterfaces) : [address]
  for (const local of locals)
    try {
      for (let worker = 0; worker < options.workers; worker++)
        into.push({ kind: 'udp', address: local, fd: openDatagram(libc, local, []), worker })
    } catch (error) {
      // An address of an interface that is just coming up or going down: the wildcard socket takes its datagrams.
      if (!wildcard || !(error instanceof ListenError) || error.reason !== 'EADDRNOTAVAIL') throw error
    }
  if (wildcard)
    into.push({ kind: 'late', address, fd: openDatagram(libc, address, tellsDestination(address)), worker: 0 })
}

/** One socket for all threads: nobody but the account that bound it could bind others beside it. */
function adoptDatagrams(libc: Libc, { fd, address }: InheritedSocket, wildcard: boolean, into: Descriptor[]): void {
  for (const option of wildcard ? [pathMtuIgnored(address), ...tellsDestination(address)] : [pathMtuIgnored(address)])
    setOption(libc, fd, option)
  into.push(wildcard ? { kind: 'late', address, fd, worker: 0 } : { kind: 'udp', address, fd })
}

/** With SO_REUSEPORT a second daemon of the same user would bind without an error, and take half of our queries. */
function probe(libc: Libc, address: SocketAddress): void {
  libc.close(openSocket(libc, LINUX.SOCK_DGRAM, address, []))
}

type SocketOption = readonly [level: number, option: number, value: number]

function openDatagram(libc: Libc, address: SocketAddress, more: readonly SocketOption[]): number {
  return openSocket(libc, LINUX.SOCK_DGRAM, address, [
    [LINUX.SOL_SOCKET, LINUX.SO_REUSEPORT, 1],
    [LINUX.SOL_SOCKET, LINUX.SO_RCVBUF, BUFFER],
    // Beyond the system's limit, where we are root still.
    [LINUX.SOL_SOCKET, LINUX.SO_RCVBUFFORCE, BUFFER],
    [LINUX.SOL_SOCKET, LINUX.SO_SNDBUF, BUFFER],
    pathMtuIgnored(address),
    ...more,
  ])
}

/** RFC 9715 §3.1: a forged ICMP message must not make us send fragments. */
function pathMtuIgnored({ address }: SocketAddress): SocketOption {
  return address.includes(':')
    ? [LINUX.IPPROTO_IPV6, LINUX.IPV6_MTU_DISCOVER, LINUX.IP_PMTUDISC_OMIT]
    : [LINUX.IPPROTO_IP, LINUX.IP_MTU_DISCOVER, LINUX.IP_PMTUDISC_OMIT]
}

function tellsDestination({ address }: SocketAddress): SocketOption[] {
  return address.includes(':')
    ? [[LINUX.IPPROTO_IPV6, LINUX.IPV6_RECVPKTINFO, 1]]
    : [[LINUX.IPPROTO_IP, LINUX.IP_PKTINFO, 1]]
}

function openSocket(libc: Libc, type: number, address: SocketAddress, socketOptions: readonly SocketOption[]): number {
  const transport = type === LINUX.SOCK_STREAM ? 'tcp' : 'udp'
  const v6 = address.address.includes(':')
  const fd = libc.socket(v6 ? LINUX.AF_INET6 : LINUX.AF_INET, type | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0)
  if (fd < 0) throw listenError(libc.errno(), transport, address)
  if (v6) setOption(libc, fd, [LINUX.IPPROTO_IPV6, LINUX.IPV6_V6ONLY, 1])
  for (const option of socketOptions) setOption(libc, fd, option)
  const sockaddr = makeSockaddr(address)
  if (libc.bind(fd, sockaddr, sockaddr.length) === 0) return fd
  const errno = libc.errno()
  libc.close(fd)
  throw listenError(errno, transport, address)
}

function setOption(libc: Libc, fd: number, [level, option, value]: SocketOption): void {
  libc.setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4)
}

function boundTo(libc: Libc, fd: number, { address }: SocketAddress): SocketAddress {
  const sockaddr = new Uint8Array(SOCKADDR_IN6)
  libc.getsockname(fd, sockaddr, new Uint8Array(Int32Array.of(SOCKADDR_IN6).buffer))
  return { address, port: readSockaddr(sockaddr).port }
}

function isStream(kind: ServingSocket['kind']): boolean {
  return kind !== 'udp' && kind !== 'late'
}

/** Another descriptor of the same socket. Throws ListenError where there is none left. */
export function duplicate(libc: Libc, fd: number): number {
  const copy = libc.fcntl(fd, LINUX.F_DUPFD_CLOEXEC, 0)
  if (copy < 0)
    throw new ListenError('no file descriptor is left for a serving thread: raise the limit (ulimit -n)', 'EMFILE')
  return copy
}

/** The machine's addresses of the wildcard's family, with its port. */
function localAddresses(
  { address, port }: SocketAddress,
  interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>,
): SocketAddress[] {
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  return Object.entries(interfaces()).flatMap(([name, infos = []]) =>
    infos
      .filter(info => info.family === family)
      // RFC 4007 §11: the zone of an IPv6 link-local address. By name, which `dgram` takes alone.
      .map(info => ({ address: info.scopeid ? `${info.address}%${name}` : info.address, port })),
  )
}

/** What was bound, and the addresses that the wildcards among it stand for. */
export function reachableAt(
  bound: readonly SocketAddress[],
  interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces,
): SocketAddress[] {
  return bound.flatMap(one =>
    isWildcardAddress(addressBytes(one.address)!) ? [one, ...localAddresses(one, interfaces)] : [one],
  )
}

function listenError(errno: number, transport: 'udp' | 'tcp', address: SocketAddress): ListenError {
  const name = Object.entries(LINUX).find(([key, value]) => key.startsWith('E') && value === errno)?.[0]
  const reason = name ?? `error ${errno}`
  return new ListenError(describeListenError(reason, transport, address), reason)
}

/** One plain sentence about a listener that failed, for the operator; `code` as in `EADDRINUSE`. */
export function describeListenError(code: string, transport: 'udp' | 'tcp', address: SocketAddress): string {
  const where = `${printSocketAddress(address)} (${transport})`
  switch (code) {
    case 'EADDRINUSE':
      return `${where} is in use by another program: stop it (\`ss -lnp 'sport = :${address.port}'\` shows which), or listen on another address or port`
    case 'EACCES':
      return `${where} needs privilege: start as root with \`user\` set, give the runtime CAP_NET_BIND_SERVICE, or choose a port above 1023`
    case 'EADDRNOTAVAIL':
      return `${where} is not an address of this machine: correct it under \`listen\`, or configure the interface first`
    case 'EAFNOSUPPORT':
      return `${where} can't be had, for this system has no ${address.address.includes(':') ? 'IPv6' : 'IPv4'}: remove it from \`listen\``
    default:
      return `${where} can't be listened on: ${code}`
  }
}

/** Without the C library: finds out whether the addresses can be had, and lets the threads open them. */
async function probeAddresses(options: ListenOptions): Promise<OpenSockets> {
  const expand = (address: SocketAddress): SocketAddress[] =>
    isWildcardAddress(addressBytes(address.address)!)
      ? localAddresses(address, options.interfaces ?? networkInterfaces)
      : [address]
  const dns = await Promise.all(uncovered(options.dns).map(probeDns))
  const dot = await Promise.all(uncovered(options.dot).map(probeStream))
  const https = await Promise.all(uncovered(options.https ?? []).map(probeStream))
  // Elsewhere than on Linux and the newer BSDs a port can't be shared; then the first thread serves alone.
  const shared = process.platform === 'linux' && options.workers > 1
  const sockets: ServingSocket[] = [
    ...dns.flatMap(expand).map(address => ({ kind: 'udp' as const, address, shared })),
    ...dns.map(address => ({ kind: 'tcp' as const, address, shared })),
    ...dot.map(address => ({ kind: 'tls' as const, address, shared })),
    ...https.map(address => ({ kind: 'https' as const, address, shared })),
  ]
  return { dns, dot, https, forWorker: index => (index === 0 || shared ? sockets : []), endStreams() {}, close() {} }
}

async function probeDns(wanted: SocketAddress): Promise<SocketAddress> {
  for (let left = wanted.port === 0 ? PORT_TRIES : 1; ; left--) {
    try {
      const bound = await probeStream(wanted)
      await probeDatagram(bound)
      return bound
    } catch (error) {
      if (left <= 1) throw error
    }
  }
}

function probeStream(address: SocketAddress): Promise<SocketAddress> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => reject(probeError(error, 'tcp', address)))
    server.listen({ host: address.address, port: address.port, ipv6Only: true, exclusive: true }, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve({ address: address.address, port }))
    })
  })
}

function probeDatagram(address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: address.address.includes(':') ? 'udp6' : 'udp4',
      ipv6Only: address.address.includes(':'),
    })
    socket.once('error', error => reject(probeError(error, 'udp', address)))
    socket.bind({ address: address.address, port: address.port, exclusive: true }, () => socket.close(() => resolve()))
  })
}

function probeError(error: Error, transport: 'udp' | 'tcp', address: SocketAddress): ListenError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message
  return new ListenError(describeListenError(code, transport, address), code)
}
