import type { QueryLine } from '../../cli/replies.ts'
import { nameKey } from '../../dns/name.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { systemRandom } from '../../host/random.ts'
import { CacheMemory, createCacheBuffer } from '../../resolver/cache/cache-memory.ts'
import type { EntrustedConnections } from '../http/entrusted-connections.ts'
import { loadLibc } from '../listen/libc.ts'
import { type OpenSockets, reachableAt } from '../listen/sockets.ts'
import type { ServerCertificate, TlsSecrets } from '../listen/tls.ts'
import { type Counted, exposeMetrics, sumCounters } from '../metrics/metrics.ts'
import { createRateTable } from '../requests/rate-limit.ts'
import { Decider, type Decisions } from './decisions.ts'
import { closeLeft } from './descriptors.ts'
import { HandedRequests } from './handed-requests.ts'
import {
  CONTROL_WORDS,
  ControlWord,
  type EntrustedConnection,
  type HandedRequest,
  type ServingChange,
  type ServingConfig,
  type ServingInit,
  type ServingState,
  type ServingZone,
  type ToMain,
} from './messages.ts'
import { createPlace, holderOf, MAIN_HOLDER, type Place } from './place.ts'
import { mergeReports, type ResolverReport, type ThreadReport } from './report.ts'
import { type SpawnThread, startAhead } from './spawn-serving.ts'

export type { ServingThread, SpawnThread } from './spawn-serving.ts'

export interface WorkersOptions {
  count: number
  sockets: OpenSockets
  /** The Unix socket on which main takes over connections of HTTPS; left out: no such connections come. */
  takeover?: string
  /** Takes over whole connections of HTTPS; left out: serving threads entrust none. */
  entrusted?: EntrustedConnections
  /** What the threads begin with. */
  state: ServingState
  main: Decisions
  clock: Clock
  log: Log
  /** The memory of the resolver cache; left out: a small one. */
  cache?: SharedArrayBuffer
  /** Tells this daemon apart from others of its kind; left out: by chance. */
  id?: Uint8Array
  spawn?: SpawnThread
  /** Whether threads run before all others; `auto`: while they take less than half of their processors. */
  realtime?: boolean | 'auto'
}

/** Hears of answered queries, and how many were answered in the meantime and not shown. */
export type QueryWatcher = (lines: readonly QueryLine[], skipped: number) => void

/** The serving threads. */
export interface Workers {
  /** Views, keys, rules and zones as a whole; every query from now on is answered by them. */
  configure(config: ServingConfig, zones: readonly ServingZone[]): void
  /** A zone has another image, or none any more. */
  replaceZone(zone: ServingZone): void
  renewCertificate(certificate: ServerCertificate): void
  /** Clients of HTTPS are asked for certificates of these issuers (PEM) from now on; undefined: they are not asked. */
  askClients(issuers: readonly string[] | undefined): void
  /** Answers a DoH request; undefined where there is no answer. */
  request(request: Omit<HandedRequest, 'kind' | 'id' | 'transport'>): Promise<Uint8Array | undefined>
  /** Something was taken out of the resolver cache: no thread answers with it any more. */
  flushed(): void
  /** What the threads know of their resolvers; without those that do not say so in time. */
  report(): Promise<ResolverReport>
  /** What the threads have counted, in Prometheus' text format; `views` names their slots. */
  metrics(views?: readonly string[]): string
  /** The same as numbers. */
  counted(): Counted
  /** Has answered queries shown to `watcher`, as far as threads have time for it; undefined ends it. */
  watchQueries(watcher: QueryWatcher | undefined): void
  /** Lets what is in flight end for `grace` milliseconds, then ends the threads. */
  stop(grace: number): Promise<void>
}

/** A thread that ends sooner than this after its start is not replaced at once. */
const SHORT_LIFE = 5000
const PATIENCE = { first: 100, most: 5000 }
const REPORT_PATIENCE = 1000
const SMALL_CACHE = 2 ** 20
/** Octets of a key of session tickets, and how long it is used: as long as OpenSSL has a session live at most. */
const TICKET_KEY = 48
const TICKET_LIFE = 12 * 3_600_000

/** Starts the threads; resolves once all of them serve, rejects where one can't. A thread that crashes later is replaced. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const workers = new ServingWorkers(options)
  try {
    await workers.start()
  } catch (error) {
    await workers.stop(0)
    throw error
  }
  return workers
}

class ServingWorkers implements Workers {
  private readonly options: WorkersOptions
  private readonly spawn: SpawnThread
  private readonly control = new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT)
  private readonly rates = createRateTable(systemRandom.below(2 ** 31))
  private readonly cache: SharedArrayBuffer
  private readonly cacheMemory: CacheMemory
  private readonly id: Uint8Array
  private readonly places: Place[]
  private readonly reports = new Map<number, (report: ThreadReport) => void>()
  private readonly handed: HandedRequests
  private readonly decider: Decider
  /** What a thread that starts now begins with; replaced by each change. */
  private state: ServingState
  private watcher: QueryWatcher | undefined
  private clients: readonly string[] | undefined
  private tickets: Timer | undefined
  private stopping = false
  private lastId = 0

  constructor(options: WorkersOptions) {
    this.options = options
    this.spawn = options.spawn ?? startAhead(0).spawn
    const { certificate } = options.state
    const tickets = systemRandom.bytes(TICKET_KEY)
    this.state = { ...options.state, certificate: certificate && { ...certificate, tickets } }
    if (this.state.certificate) options.entrusted?.renew(this.state.certificate)
    this.cache = options.cache ?? createCacheBuffer(SMALL_CACHE, systemRandom.below(2 ** 31))
    this.cacheMemory = new CacheMemory(this.cache, MAIN_HOLDER)
    this.id = options.id ?? systemRandom.bytes(8)
    Atomics.store(new Int32Array(this.control), ControlWord.EPOCH, options.state.epoch)
    this.places = Array.from({ length: options.count }, (_, index) => createPlace(index))
    this.handed = new HandedRequests(this.places)
    this.decider = new Decider(options.main, options.log)
  }

  async start(): Promise<void> {
    await Promise.all(
      this.places.map(place => new Promise<void>((resolve, reject) => this.fill(place, resolve, reject))),
    )
    this.renewTickets()
  }

  /** Puts a new thread into the place. */
  private fill(place: Place, ready: () => void, failed: (error: Error) => void): void {
    const { sockets, clock } = this.options
    place.began = clock.monotonic()
    const init: ServingInit = {
      index: place.index,
      control: this.control,
      counters: place.counters,
      rates: this.rates,
      cache: this.cache,
      descriptors: place.descriptors,
      id: this.id,
      sockets: sockets.forWorker(place.index),
      takeover: this.options.takeover ?? '',
      entrusts: this.options.entrusted !== undefined,
      realtime: this.options.realtime ?? false,
      own: reachableAt([...sockets.dns, ...sockets.dot]),
      state: this.state,
    }
    const onMessage = (message: ToMain): void => {
      if (message.kind === 'ready') {
        if (this.watcher) place.thread?.postMessage({ kind: 'watch', on: true })
        ready()
      } else if (message.kind === 'failed') failed(new Error(message.message))
      else this.accept(place, message)
    }
    place.thread = this.spawn(init, onMessage, reason => this.ended(place, reason, failed))
  }

  private accept(place: Place, message: ToMain): void {
    const { log } = this.options
    if (this.decider.accept(place, message)) return
    if (message.kind === 'log') log[message.level]({ thread: place.index, ...message.fields }, message.message)
    else if (message.kind === 'queries') this.watcher?.(message.lines, message.skipped)
    else if (message.kind === 'stopped') place.stopped?.()
    else if (message.kind === 'report') this.reports.get(message.id)?.(message.report)
    else if (message.kind === 'response') this.handed.answered(message.id, message.wire)
    else if (message.kind === 'entrusted') this.takeOver(place, message)
  }

  private takeOver({ thread }: Place, { id, fd, read }: EntrustedConnection): void {
    const closed = () => thread?.postMessage({ kind: 'entrusted-closed', id })
    this.options.entrusted?.take(fd, read, closed)
  }

  /** The sockets' queues hold what arrives until the replacement has started. */
  private ended(place: Place, reason: string, failed: (error: Error) => void): void {
    place.thread = undefined
    place.stopped?.()
    place.differences.clear()
    this.handed.abandon(place)
    this.cacheMemory.releaseLocksOf(holderOf(place.index))
    const libc = loadLibc()
    if (libc) closeLeft(place.descriptors, libc)
    if (this.stopping) return
    const { clock, log } = this.options
    const lived = clock.monotonic() - place.began
    place.crashes = lived < SHORT_LIFE ? place.crashes + 1 : 0
    const wait = place.crashes === 0 ? 0 : Math.min(PATIENCE.most, PATIENCE.first * 2 ** place.crashes)
    log.error({ thread: place.index, reason, wait }, 'a serving thread has ended and is being replaced')
    failed(new Error(`a serving thread has ended: ${reason}`))
    clock.after(wait, () => {
      if (this.stopping) return
      this.fill(
        place,
        () => {},
        error => this.giveUp(place, error),
      )
    })
  }

  /** A replacement that can't serve ends as well, and is replaced in its turn. */
  private giveUp(place: Place, error: Error): void {
    if (!place.thread) return
    this.options.log.error({ thread: place.index, error: error.message }, 'a serving thread could not begin to serve')
    void place.thread.terminate()
  }

  configure(config: ServingConfig, zones: readonly ServingZone[]): void {
    this.state = { ...this.state, config, zones }
    this.change(epoch => ({ kind: 'configure', epoch, config, zones }))
  }

  replaceZone(zone: ServingZone): void {
    const others = this.state.zones.filter(
      ({ view, origin }) => view !== zone.view || nameKey(origin) !== nameKey(zone.origin),
    )
    this.state = { ...this.state, zones: [...others, zone] }
    this.change(epoch => ({ kind: 'zone', epoch, zone }))
  }

  renewCertificate(certificate: ServerCertificate): void {
    const { certificate: chain, key } = certificate
    const asked = this.clients && { clients: this.clients }
    // Nor does a session outlive the issuers by which its client was verified.
    const secrets: TlsSecrets = { certificate: chain, key, ...asked, tickets: systemRandom.bytes(TICKET_KEY) }
    this.state = { ...this.state, certificate: secrets }
    this.options.entrusted?.renew(secrets)
    this.change(epoch => ({ kind: 'certificate', epoch, certificate: secrets }))
  }

  askClients(issuers: readonly string[] | undefined): void {
    if (issuers?.join() === this.clients?.join()) return
    this.clients = issuers
    if (this.state.certificate) this.renewCertificate(this.state.certificate)
  }

  /** Who has a key of session tickets can read what was said in sessions of TLS 1.2 that they resume: it does not live long. */
  private renewTickets(): void {
    this.tickets = this.options.clock.after(TICKET_LIFE, () => {
      if (this.state.certificate) this.renewCertificate(this.state.certificate)
      this.renewTickets()
    })
  }

  /** Posts to every thread first and stores the epoch then; see messages.ts. */
  private change(message: (epoch: number) => ServingChange): void {
    const epoch = this.state.epoch + 1
    this.state = { ...this.state, epoch }
    for (const { thread } of this.places) thread?.postMessage(message(epoch))
    Atomics.store(new Int32Array(this.control), ControlWord.EPOCH, epoch)
  }

  request(request: Omit<HandedRequest, 'kind' | 'id' | 'transport'>): Promise<Uint8Array | undefined> {
    return this.handed.hand(request)
  }

  flushed(): void {
    this.change(epoch => ({ kind: 'flush', epoch }))
  }

  async report(): Promise<ResolverReport> {
    const reports = await Promise.all(this.places.map(place => this.reportOf(place)))
    return mergeReports(reports.filter(report => report !== undefined))
  }

  private reportOf({ thread }: Place): Promise<ThreadReport | undefined> {
    const id = ++this.lastId
    return new Promise(resolve => {
      const done = (report?: ThreadReport) => {
        timer.cancel()
        this.reports.delete(id)
        resolve(report)
      }
      const timer = this.options.clock.after(REPORT_PATIENCE, () => done())
      this.reports.set(id, done)
      if (thread) thread.postMessage({ kind: 'report', id })
      else done()
    })
  }

  metrics(views?: readonly string[]): string {
    return exposeMetrics(
      this.places.map(({ counters }) => counters),
      views,
    )
  }

  counted(): Counted {
    return sumCounters(this.places.map(({ counters }) => counters))
  }

  watchQueries(watcher: QueryWatcher | undefined): void {
    this.watcher = watcher
    for (const { thread } of this.places) thread?.postMessage({ kind: 'watch', on: watcher !== undefined })
  }

  async stop(grace: number): Promise<void> {
    this.stopping = true
    this.tickets?.cancel()
    this.options.sockets.endStreams()
    await Promise.all(this.places.map(place => this.stopPlace(place, grace)))
    for (const place of this.places) this.handed.abandon(place)
  }

  private async stopPlace(place: Place, grace: number): Promise<void> {
    const { thread } = place
    if (!thread) return
    const stopped = new Promise<void>(resolve => {
      place.stopped = resolve
    })
    thread.postMessage({ kind: 'stop', grace })
    const timer = this.options.clock.after(grace + PATIENCE.most, () => place.stopped?.())
    await stopped
    timer.cancel()
    await thread.terminate()
  }
}
