import { createHash, X509Certificate } from 'node:crypto'
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { connect as connectTcp, isIP, isIPv6, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Connection, ConnectOptions, Network, SocketAddress, TlsOptions, UdpSocket } from './network.ts'
import { type Random, systemRandom } from './random.ts'

/** The machine's network. Takes literal addresses only: nothing here ever asks a resolver. */
export function createSystemNetwork(random: Random = systemRandom): Network {
  return {
    udp: (remote, onMessage, onError, { source } = {}) => openUdp(random, remote, onMessage, onError, source),
    connect: (remote, options) => (options.tls ? openTls(remote, options.tls, options) : openTcp(remote, options)),
  }
}

/** The machine's network with the machine's randomness. */
export const systemNetwork: Network = createSystemNetwork()

const PORT_TRIES = 8

async function openUdp(
  random: Random,
  remote: SocketAddress,
  onMessage: (message: Uint8Array) => void,
  onError: (error: Error) => void,
  source: string | undefined,
): Promise<UdpSocket> {
  const socket = await bindRandomPort(random, remote.address, source)
  socket.on('error', onError)
  socket.on('message', message => onMessage(message))
  try {
    await connected(socket, remote)
  } catch (error) {
    socket.close()
    throw error
  }
  let open = true
  return {
    send: message => {
      if (open) socket.send(message, error => error && open && onError(error))
    },
    close: () => {
      if (open) socket.close()
      open = false
    },
  }
}

/** RFC 5452 §9.2: the source port is unpredictable, from as wide a range as there is; the kernel's own choice comes last. */
async function bindRandomPort(random: Random, remote: string, source: string | undefined): Promise<DatagramSocket> {
  for (let i = 1; i < PORT_TRIES; i++) {
    const socket = await bound(remote, source, 1024 + random.below(65536 - 1024)).catch(ignorePortInUse)
    if (socket) return socket
  }
  return bound(remote, source, 0)
}

function ignorePortInUse(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
}

function bound(remote: string, source: string | undefined, port: number): Promise<DatagramSocket> {
  return new Promise((resolve, reject) => {
    const family = isIPv6(remote) ? 6 : 4
    // dgram would otherwise pass every address through getaddrinfo.
    const lookup = (host: string, _options: object, done: (error: null, address: string, family: number) => void) =>
      done(null, host, family)
    const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup: lookup as never })
    socket.once('error', error => {
      socket.close()
      reject(error)
    })
    socket.bind({ port, exclusive: true, ...(source !== undefined && { address: source }) }, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

function connected(socket: DatagramSocket, remote: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    // Of what connect(2) refuses, such as a network without a route, the callback is told; its type knows nothing of that.
    const done = (error?: Error) => (error ? reject(error) : resolve())
    socket.connect(remote.port, remote.address, done)
  })
}

function openTcp(remote: SocketAddress, { signal, source }: ConnectOptions): Promise<Connection> {
  requireLiteral(remote)
  const socket = connectTcp({ host: remote.address, port: remote.port, noDelay: true, ...from(source) })
  return established(socket, 'connect', signal, () => connectionOf(socket))
}

/** What a server has shown of itself. */
type Peer = Pick<Connection, 'peerCertificate' | 'peerSpki'>

/** Sessions that servers gave us, for resumption (RFC 8446 §2.2), the least recently used dropped first, with who had begun them: when resumed, no certificate is shown. */
const sessions = new Map<string, { ticket: Buffer; peer: Peer }>()
const MAX_SESSIONS = 256

function openTls(remote: SocketAddress, tls: TlsOptions, { signal, source }: ConnectOptions): Promise<Connection> {
  requireLiteral(remote)
  // A session is only resumed where the same name, anchors and protocols were checked when it began.
  const sessionKey = JSON.stringify([remote, tls])
  const session = tls.fresh ? undefined : sessions.get(sessionKey)
  const socket = connectTls({
    host: remote.address,
    port: remote.port,
    ...from(source),
    minVersion: tls.minVersion ?? 'TLSv1.2',
    ...(tls.servername !== undefined && { servername: tls.servername }),
    ...(tls.ca && { ca: tls.ca }),
    ...(tls.alpn && { ALPNProtocols: tls.alpn }),
    ...(session && { session: session.ticket }),
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
  })
  socket.setNoDelay(true)
  const peer = (): Peer => (session && socket.isSessionReused() ? session.peer : peerOf(socket))
  if (!tls.fresh) socket.on('session', ticket => remember(sessionKey, { ticket, peer: peer() }))
  return established(socket, 'secureConnect', signal, () => ({
    ...connectionOf(socket),
    ...(socket.alpnProtocol && { alpn: socket.alpnProtocol }),
    ...peer(),
  }))
}

function remember(key: string, session: { ticket: Buffer; peer: Peer }): void {
  sessions.delete(key)
  sessions.set(key, session)
  if (sessions.size > MAX_SESSIONS) sessions.delete(sessions.keys().next().value!)
}

function from(source: string | undefined): { localAddress?: string } {
  return source === undefined ? {} : { localAddress: source }
}

function requireLiteral({ address }: SocketAddress): void {
  if (isIP(address) === 0) throw new TypeError(`"${address}" is not an IP address`)
}

function established(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal | undefined,
  make: () => Connection,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const abort = () => socket.destroy(new Error('gave up connecting'))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    // Kept for the socket's life: an error after the handshake reaches the reader of `chunks`, and must not be thrown here.
    socket.on('error', error => {
      signal?.removeEventListener('abort', abort)
      reject(error)
    })
    socket.once(event, () => {
      signal?.removeEventListener('abort', abort)
      resolve(make())
    })
  })
}

function connectionOf(socket: Socket): Connection {
  return {
    write: bytes => {
      if (!socket.destroyed && socket.writable) socket.write(bytes)
    },
    chunks: socket,
    socket,
    close: () => socket.destroy(),
  }
}

function peerOf(socket: TLSSocket): Peer {
  const certificate = socket.getPeerCertificate().raw
  if (!certificate) return {}
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return { peerCertificate: certificate, peerSpki: createHash('sha256').update(spki).digest('base64') }
}
