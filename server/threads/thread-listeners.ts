import type { Prefix } from '../../config/address.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { RequestHandler } from '../listen/client.ts'
import { HTTPS_LIMITS, STREAM_LIMITS } from '../listen/connections.ts'
import type { DatagramListener } from '../listen/datagrams.ts'
import { EndOfTurn } from '../listen/end-of-turn.ts'
import type { TakeWhole } from '../listen/entrust.ts'
import { listenHttps } from '../listen/https.ts'
import type { Libc } from '../listen/libc.ts'
import type { Poller } from '../listen/poller.ts'
import { type ServingSocket, STREAM_KINDS, type StreamKind } from '../listen/sockets.ts'
import { listenTcp, type StreamListener } from '../listen/tcp.ts'
import { listenTls, type TlsListener, type TlsSecrets } from '../listen/tls.ts'
import { type BatchLibrary, createBatches, listenBatched, listenPolled } from '../listen/udp.ts'
import { listenLate, type WildcardSocket } from '../listen/udp-late.ts'
import { listenPlain } from '../listen/udp-plain.ts'
import { cellOf } from '../metrics/metrics.ts'
import type { AnswerCache } from '../requests/answers.ts'

export interface ListenersOptions {
  handler: RequestHandler
  beforeBatch: () => void
  /** Whose connections begin with a PROXY protocol header. */
  proxies: () => readonly Prefix[]
  /** Where main takes over connections of HTTPS. */
  takeover: string
  /** How main takes over a connection whole; left out: it does not. */
  entrust?: TakeWhole
  counters: Float64Array
  answers: AnswerCache
  clock: Clock
  libc: Libc | undefined
  /** Where the thread waits for datagrams itself. */
  poller: Poller | undefined
  log: Log
}

const SAMPLE = 1000

/** Everything that a serving thread listens on, and what it counts. */
export class Listeners {
  private readonly options: ListenersOptions
  private readonly onError: (error: Error) => void
  private readonly batches: BatchLibrary | undefined
  private readonly endOfTurn = new EndOfTurn()
  private readonly datagrams: DatagramListener[] = []
  private readonly streams: { kind: StreamKind; listener: StreamListener }[] = []
  private readonly tls: TlsListener[] = []
  /** Sockets of TLS that wait for the first certificate. */
  private waiting: ServingSocket[] = []
  private timer: Timer | undefined

  constructor(options: ListenersOptions) {
    this.options = options
    this.onError = error => options.log.error({ error: error.message }, 'a listener failed')
    this.batches = options.libc && createBatches(options.libc, this.endOfTurn)
  }

  /** Begins to serve the sockets; resolves with what is listened on. */
  async open(sockets: readonly ServingSocket[], secrets: TlsSecrets | null): Promise<SocketAddress[]> {
    const late: WildcardSocket[] = []
    const { poller } = this.options
    for (const socket of sockets) {
      if (socket.kind === 'late' && !poller) late.push({ fd: socket.fd!, local: socket.address })
      else if (socket.kind === 'udp' || socket.kind === 'late') this.datagrams.push(await this.openDatagram(socket))
      else if (socket.kind === 'tcp')
        this.streams.push({ kind: 'tcp', listener: await listenTcp(socket, this.streamOptions()) })
      else this.waiting.push(socket)
    }
    if (late.length > 0) this.datagrams.push(listenLate(late, this.batches!, this.datagramOptions()))
    if (secrets) await this.renew(secrets)
    this.sample()
    return [...this.datagrams.map(({ address }) => address), ...this.streams.map(({ listener }) => listener.address)]
  }

  private async openDatagram({ kind, fd, address, shared }: ServingSocket): Promise<DatagramListener> {
    const options = this.datagramOptions()
    if (fd === undefined || !this.batches) return listenPlain(address, shared === true, options)
    const { poller } = this.options
    if (poller) return listenPolled(fd, address, this.batches, poller, options, kind === 'late')
    return listenBatched(fd, address, this.batches, options)
  }

  private datagramOptions() {
    const { handler, beforeBatch } = this.options
    return { handler, beforeBatch, onError: this.onError }
  }

  private streamOptions() {
    const { handler, beforeBatch, proxies, clock } = this.options
    const { onError, endOfTurn } = this
    return { handler, beforeBatch, proxies, clock, limits: STREAM_LIMITS, endOfTurn, onError }
  }

  /** Takes another certificate for connections from now on; the first one opens the TLS sockets. */
  async renew(secrets: TlsSecrets): Promise<void> {
    for (const listener of this.tls) listener.renew(secrets)
    for (const socket of this.waiting.splice(0)) {
      const listener = await this.openTls(socket, secrets)
      this.tls.push(listener)
      this.streams.push({ kind: socket.kind as StreamKind, listener })
    }
  }

  private openTls(socket: ServingSocket, secrets: TlsSecrets): Promise<TlsListener> {
    const options = this.streamOptions()
    if (socket.kind === 'tls') return listenTls(socket, secrets, options)
    const { proxies: _, ...direct } = options
    const { takeover, entrust, libc } = this.options
    const whole = libc && entrust && { libc, take: entrust }
    return listenHttps(socket, secrets, { ...direct, limits: HTTPS_LIMITS }, takeover, whole)
  }

  /** Accepts no more connections; resolves when the requests that were read are answered. */
  async closeStreams(grace: number): Promise<void> {
    await Promise.all(this.streams.map(({ listener }) => listener.close(grace)))
  }

  /** Closes everything at once; a second time there is nothing left to close. */
  async closeAll(): Promise<void> {
    this.timer?.cancel()
    this.count()
    const streams = this.streams.splice(0).map(({ listener }) => listener.close(0))
    await Promise.all([...this.datagrams.splice(0).map(listener => listener.close()), ...streams])
  }

  private sample(): void {
    this.count()
    this.timer = this.options.clock.after(SAMPLE, () => this.sample())
  }

  /** Adds what listeners have counted since the last time: an earlier thread of this number has counted too. */
  private count(): void {
    const { counters, answers } = this.options
    for (const { counts } of this.datagrams) {
      this.add(BATCHES, counts, 'batches')
      this.add(DROPPED, counts, 'dropped')
    }
    for (const kind of STREAM_KINDS) counters[CONNECTIONS[kind]] = 0
    for (const { kind, listener } of this.streams) {
      counters[CONNECTIONS[kind]]! += listener.counts.open
      this.add(ACCEPTED[kind], listener.counts, 'accepted')
      this.add(REFUSED[kind], listener.counts, 'refused')
      this.add(TIMED_OUT[kind], listener.counts, 'timedOut')
    }
    counters[CACHE_BYTES] = answers.octets
    counters[CACHE_ENTRIES] = answers.entries
  }

  private readonly seen = new WeakMap<object, Record<string, number>>()

  private add<K extends string>(cell: number, counts: Record<K, number>, name: K): void {
    const seen: Record<string, number> = this.seen.get(counts) ?? {}
    this.options.counters[cell]! += counts[name] - (seen[name] ?? 0)
    this.seen.set(counts, { ...seen, [name]: counts[name] })
  }
}

type StreamMetric =
  | 'namestead_stream_connections'
  | 'namestead_stream_accepted_total'
  | 'namestead_stream_refused_total'
  | 'namestead_stream_timed_out_total'

const byKind = (name: StreamMetric) => ({
  tcp: cellOf(name, 'tcp'),
  tls: cellOf(name, 'tls'),
  https: cellOf(name, 'https'),
})

const CONNECTIONS = byKind('namestead_stream_connections')
const ACCEPTED = byKind('namestead_stream_accepted_total')
const REFUSED = byKind('namestead_stream_refused_total')
const TIMED_OUT = byKind('namestead_stream_timed_out_total')
const BATCHES = cellOf('namestead_udp_batches_total')
const DROPPED = cellOf('namestead_udp_dropped_total')
const CACHE_BYTES = cellOf('namestead_dns_answer_cache_bytes')
const CACHE_ENTRIES = cellOf('namestead_dns_answer_cache_entries')
