/** How a request came: RFC 1035 §4.2.1 and §4.2.2, RFC 7858, RFC 8484. */
export const TRANSPORTS = ['udp', 'tcp', 'tls', 'https'] as const
export type Transport = (typeof TRANSPORTS)[number]

/** Who sent a request, where to, and the way back. */
export interface Client {
  readonly transport: Transport
  /** 4 octets or 16; valid until the handler returns, unless the client was retained. */
  readonly address: Uint8Array
  readonly port: number
  /** The address and port that the request was sent to. */
  readonly destination: Uint8Array
  readonly destinationPort: number
  /** Milliseconds that the connection may idle before we close it. */
  readonly idle?: number
  /** Of a connection over TLS: "TLSv1.3", as a rule. */
  readonly tlsVersion?: string | undefined
  /** The path of a DoH request. */
  readonly dohPath?: string
  /** Sends a message, whose octets may be written over as soon as it returns. False where the peer reads too slowly: more should wait for `drained`. */
  send(message: Uint8Array): boolean
  /** Calls back once the peer has read what was sent, or is gone. */
  drained(task: () => void): void
  /** True once nothing sent can arrive any more. */
  readonly closed: boolean
  /** The same client, usable after the handler has returned. */
  retain(): Client
  /** Ends a request whose handler returned LATER; to be called exactly once. */
  finish(): void
}

/** What a handler returns where the answer follows by `send` and `finish` of a retained client. */
export const LATER = -1
/** What a handler returns where there will be no answer. */
export const SILENCE = 0

/**
 * Answers the request in `request[at, end)`: writes the response to `out` from `outAt`, at most `limit` octets, and returns its length,
 * SILENCE or LATER. The octets of the request are valid until it returns. Never throws.
 */
export type RequestHandler = (
  request: Uint8Array,
  at: number,
  end: number,
  client: Client,
  out: Uint8Array,
  outAt: number,
  limit: number,
) => number
