import type { Clock } from '../../host/clock.ts'
import type { Connection, ConnectOptions, Network, SocketAddress, UdpSocket } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'

/** How a message came in. */
export type Via = 'udp' | 'tcp' | 'tls'

/** A server that answers messages: `reply` may be called any number of times, with any octets, at once or after `delay` ms. */
export type MessageHandler = (message: Uint8Array, via: Via, reply: (bytes: Uint8Array, delay?: number) => void) => void

/** The server's end of a byte stream. */
export interface ServerStream {
  readonly via: Via
  readonly options: ConnectOptions
  onData(listener: (bytes: Uint8Array) => void): void
  write(bytes: Uint8Array, delay?: number): void
  close(): void
}

/** How packets fare. */
export interface Weather {
  /** One way, milliseconds. */
  latency: number
  /** The share of datagrams lost, 0 to 1. */
  loss: number
}

/** A network inside the process: latency, loss, dead and refusing hosts, all from a seed and a simulated clock. */
export interface SimulatedNetwork extends Network {
  readonly weather: Weather
  /** Answers datagrams and framed streams (RFC 1035 §4.2.2) at "address:port". */
  serve(at: string, handler: MessageHandler): void
  /** Answers raw streams at "address:port". */
  serveStreams(at: string, accept: (stream: ServerStream) => void): void
  /** "silent": packets vanish. "refusing": ICMP unreachable and RST. "up": as before. */
  condition(at: string, state: Condition): void
  /** Every datagram and framed message that reached a host, in order. */
  readonly seen: { at: string; via: Via; message: Uint8Array }[]
  /** Sockets and connections that have not been closed. */
  open(): number
}

export type Condition = 'up' | 'silent' | 'refusing'

interface Host {
  handler?: MessageHandler
  accept?: (stream: ServerStream) => void
  condition: Condition
}

/** A network on which nobody listens yet. */
export function createSimulatedNetwork(clock: Clock, random: Random): SimulatedNetwork {
  const hosts = new Map<string, Host>()
  const weather: Weather = { latency: 5, loss: 0 }
  const seen: SimulatedNetwork['seen'] = []
  let open = 0
  const hostAt = (at: string): Host => {
    const host = hosts.get(at) ?? { condition: 'up' }
    hosts.set(at, host)
    return host
  }
  const lost = () => weather.loss > 0 && random.below(1_000_000) < weather.loss * 1_000_000
  const travel = (task: () => void, delay = 0) => clock.after(weather.latency + delay, task)

  async function udp(
    remote: SocketAddress,
    onMessage: (message: Uint8Array) => void,
    onError: (error: Error) => void,
  ): Promise<UdpSocket> {
    const at = `${remote.address}:${remote.port}`
    let closed = false
    open++
    const reply = (bytes: Uint8Array, delay?: number) => {
      const copy = bytes.slice()
      if (!lost()) travel(() => closed || onMessage(copy), delay)
    }
    const arrive = (message: Uint8Array) => {
      const host = hostAt(at)
      if (host.condition === 'silent') return
      if (host.condition === 'refusing' || !host.handler)
        return travel(() => closed || onError(new Error('connection refused')))
      seen.push({ at, via: 'udp', message })
      host.handler(message, 'udp', reply)
    }
    return {
      send: message => {
        const copy = message.slice()
        if (!closed && !lost()) travel(() => void arrive(copy))
      },
      close: () => {
        if (!closed) open--
        closed = true
      },
    }
  }

  function connect(remote: SocketAddress, options: ConnectOptions): Promise<Connection> {
    const at = `${remote.address}:${remote.port}`
    return new Promise((resolve, reject) => {
      options.signal?.addEventListener('abort', () => reject(new Error('gave up connecting')), { once: true })
      travel(() => {
        const host = hostAt(at)
        if (host.condition === 'silent') return
        if (host.condition === 'refusing' || !(host.accept ?? host.handler))
          return travel(() => reject(new Error('connection refused')))
        const accept =
          host.accept ?? (stream => serveFrames(stream, host, message => seen.push({ at, via: stream.via, message })))
        travel(() => options.signal?.aborted || resolve(establish(accept, options)))
      })
    })
  }

  function establish(accept: (stream: ServerStream) => void, options: ConnectOptions): Connection {
    const queue = createChunkQueue()
    let closed = false
    let data: (bytes: Uint8Array) => void = () => {}
    open++
    const close = () => {
      if (!closed) open--
      closed = true
      queue.end()
    }
    accept({
      via: options.tls ? 'tls' : 'tcp',
      options,
      onData: listener => {
        data = listener
      },
      write: (bytes, delay) => {
        const copy = bytes.slice()
        travel(() => closed || queue.push(copy), delay)
      },
      close: () => travel(close),
    })
    return {
      write: bytes => {
        const copy = bytes.slice()
        if (!closed) travel(() => closed || data(copy))
      },
      chunks: queue.chunks,
      close,
    }
  }

  return {
    udp,
    connect,
    weather,
    seen,
    open: () => open,
    serve: (at, handler) => {
      hostAt(at).handler = handler
    },
    serveStreams: (at, accept) => {
      hostAt(at).accept = accept
    },
    condition: (at, state) => {
      hostAt(at).condition = state
    },
  }
}

function serveFrames(stream: ServerStream, host: Host, note: (message: Uint8Array) => void): void {
  let buffered = new Uint8Array(0)
  stream.onData(bytes => {
    buffered = Uint8Array.of(...buffered, ...bytes)
    while (buffered.length >= 2 && buffered.length >= 2 + ((buffered[0]! << 8) | buffered[1]!)) {
      const end = 2 + ((buffered[0]! << 8) | buffered[1]!)
      const message = buffered.slice(2, end)
      buffered = buffered.slice(end)
      if (host.condition !== 'up') continue
      note(message)
      host.handler?.(message, stream.via, (reply, delay) => stream.write(frame(reply), delay))
    }
  })
}

/** A message with the two octets of length that streams put before it (RFC 1035 §4.2.2). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 2)
  framed[0] = message.length >>> 8
  framed[1] = message.length
  framed.set(message, 2)
  return framed
}

function createChunkQueue(): { chunks: AsyncIterable<Uint8Array>; push(chunk: Uint8Array): void; end(): void } {
  const waiting: Uint8Array[] = []
  let ended = false
  let wake = () => {}
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk) yield chunk
      else if (ended) return
      else await new Promise<void>(resolve => (wake = resolve))
    }
  }
  return {
    chunks: chunks(),
    push: chunk => {
      waiting.push(chunk)
      wake()
    },
    end: () => {
      ended = true
      wake()
    },
  }
}
