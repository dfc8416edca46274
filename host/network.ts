import type { Duplex } from 'node:stream'

/** The network as an argument: real sockets for the daemon, a simulated lossy network for tests. */
export interface Network {
  /**
   * A UDP socket on a random unpredictable local port, for one or several exchanges with `remote`. A message is the handler's until it returns: its
   * octets may be another's after that. Nothing is called back from within `send`.
   */
  udp(
    remote: SocketAddress,
    onMessage: (message: Uint8Array) => void,
    onError: (error: Error) => void,
    options?: SourceOptions,
  ): Promise<UdpSocket>
  /** A TCP connection, or TLS where `tls` is given. Resolves once connected (and handshaken); rejects on failure or abort. */
  connect(remote: SocketAddress, options: ConnectOptions): Promise<Connection>
}

/** A literal IP address and a port. */
export interface SocketAddress {
  address: string
  port: number
}

/** What a client of TLS has shown of itself in the handshake: a certificate, in DER, that verified, or one that did not. */
export type ShownCertificate = { verified: true; der: Uint8Array } | { verified: false }

/** A connected UDP socket: only datagrams of its remote arrive. */
export interface UdpSocket {
  send(message: Uint8Array): void
  close(): void
}

/** Where to send from. */
export interface SourceOptions {
  /** An address of ours, of the remote's family; left out: the system's choice. */
  source?: string
}

/** How to connect: TLS parameters, and a signal that gives up. */
export interface ConnectOptions extends SourceOptions {
  tls?: TlsOptions
  signal?: AbortSignal
}

/** The client's side of a TLS handshake. */
export interface TlsOptions {
  /** The name that the certificate must carry; without one, the address itself. */
  servername?: string
  /** Trust anchors in PEM instead of the system's. */
  ca?: string[]
  alpn?: string[]
  /** The oldest version that is accepted; left out: 1.2. */
  minVersion?: 'TLSv1.3'
  /** False where the caller checks the peer by `peerSpki` or `peerCertificate`, or not at all. Default true. */
  rejectUnauthorized?: boolean
  /** True for a handshake of its own: no session of an earlier one is taken up. */
  fresh?: boolean
}

/** A byte stream. */
export interface Connection {
  write(bytes: Uint8Array): void
  /** Chunks in order; ends when the peer closes; throws when the connection fails. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** The socket itself, where it is one of node's: for HTTP/2, which node speaks on its own sockets only. Then nothing else here is used. */
  readonly socket?: Duplex
  /** The application protocol that the handshake chose, for TLS. */
  readonly alpn?: string
  /** The peer's certificate in DER, for TLS. */
  readonly peerCertificate?: Uint8Array
  /** SHA-256 of the peer certificate's SubjectPublicKeyInfo (base64), for TLS. */
  readonly peerSpki?: string
  close(): void
}
