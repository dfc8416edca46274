/** The network as an argument: real sockets for the daemon, a simulated lossy network for tests. */
export interface Network {
  /** A UDP socket on a random unpredictable local port, for one or several exchanges with `remote`. */
  udp(
    remote: SocketAddress,
    onMessage: (message: Uint8Array) => void,
    onError: (error: Error) => void,
  ): Promise<UdpSocket>
  /** A TCP connection, or TLS where `tls` is given. Resolves once connected (and handshaken); rejects on failure or abort. */
  connect(remote: SocketAddress, options: ConnectOptions): Promise<Connection>
}

/** A literal IP address and a port. */
export interface SocketAddress {
  address: string
  port: number
}

/** A connected UDP socket: only datagrams of its remote arrive. */
export interface UdpSocket {
  send(message: Uint8Array): void
  close(): void
}

/** How to connect: TLS parameters, and a signal that gives up. */
export interface ConnectOptions {
  tls?: {
    servername?: string
    ca?: string[]
    /** DER certificate's SHA-256 or the SPKI's SHA-256 in base64 is checked by the caller after the handshake. */
    alpn?: string[]
    rejectUnauthorized?: boolean
  }
  signal?: AbortSignal
}

/** A byte stream. */
export interface Connection {
  write(bytes: Uint8Array): void
  /** Chunks in order; ends when the peer closes; throws when the connection fails. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** SHA-256 of the peer certificate's SubjectPublicKeyInfo (base64), for TLS. */
  readonly peerSpki?: string
  close(): void
}
