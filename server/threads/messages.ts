import type { QueryLine } from '../../cli/replies.ts'
import type { CacheConfig, Config, KeyConfig, RateLimitConfig, ViewConfig } from '../../config/schema.ts'
import type { Rcode } from '../../dns/codes.ts'
import type { Name } from '../../dns/name.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { Trust } from '../../resolver/validate/anchors.ts'
import type { Transport } from '../listen/client.ts'
import type { ServingSocket } from '../listen/sockets.ts'
import type { TlsSecrets } from '../listen/tls.ts'
import type { ThreadReport } from './report.ts'

/**
 * All that the main thread and a serving thread say to each other.
 *
 * What changes the state of a serving thread carries an epoch. Main posts such a message to every thread first and then stores the epoch
 * in the shared control words (`ControlWord.EPOCH`). A thread compares it before each batch of requests, and where it differs reads its port until
 * it has caught up. So what main does after storing the epoch (answering an UPDATE, say) is seen by every later query on any
 * thread, without acknowledgements. Changes of a zone's content need no message: they are published in the zone's shared image.
 */
export type ToServing =
  | ServingChange
  | ReportRequest
  | UpdateResult
  | NotifyResult
  | DifferencesPart
  | HandedRequest
  | WatchQueries
  | EntrustedClosed
  | StopServing

/** Words of the shared control buffer, an Int32Array. */
export const ControlWord = { EPOCH: 0 } as const
export const CONTROL_WORDS = 1

/** Part of the configuration that serving needs; the CA's is never handed over. */
export interface ServingConfig {
  /** Our own host name. */
  name: Name
  views: readonly ViewConfig[]
  /** Where each view's answers are counted, in the order of the views; left out: in that order. */
  slots?: readonly number[]
  keys: readonly KeyConfig[]
  /** Secrets of DNS cookies, the same for all threads: the first makes them. */
  cookie_secret: readonly Uint8Array[]
  rate_limit?: RateLimitConfig
  transfers: Pick<Config['transfers'], 'out'>
  chaos: Config['chaos']
  proxy_protocol: Config['proxy_protocol']
  /** What the validation of answers begins with; left out: the root's built-in anchors. */
  trust?: Trust
  log: Config['log']
  dnstap?: Config['dnstap']
  /** Limits of the resolver cache; left out: the usual ones. */
  cache?: CacheConfig
}

/** A zone of a view, and the shared memory that holds it. */
export interface ServingZone {
  view: string
  origin: Name
  /** Null where there is nothing to serve yet, or no more (an expired secondary): SERVFAIL. */
  image: SharedArrayBuffer | null
}

/** What a serving thread begins with; `workerData`, so plain data. */
export interface ServingInit {
  /** Number of the thread, from 0. */
  index: number
  control: SharedArrayBuffer
  /** The thread's counters (metrics.ts); those of an earlier thread of this number are counted on. */
  counters: SharedArrayBuffer
  /** Accounts of response rate limiting, of all threads together (rate-limit.ts). */
  rates: SharedArrayBuffer
  /** The memory of the resolver cache, of all threads together (resolver/cache/cache-memory.ts). */
  cache: SharedArrayBuffer
  /** Where the thread notes the descriptors that it opens by system calls (descriptors.ts). */
  descriptors: SharedArrayBuffer
  /** Tells this daemon apart from others of its kind (resolver/upstreams/hops.ts). */
  id: Uint8Array
  sockets: readonly ServingSocket[]
  /** The Unix socket on which main takes over connections of HTTPS that ask for anything but DoH. */
  takeover: string
  /** Whether main takes connections over whole (EntrustedConnection), too. */
  entrusts?: boolean
  /** Whether the thread is to run before all others; `auto`: while it takes less than half of its processor. */
  realtime?: boolean | 'auto'
  /** Where the daemon listens for DNS: forwarding there would come straight back. */
  own: readonly SocketAddress[]
  state: ServingState
}

/** The state that `ServingChange`s change. */
export interface ServingState {
  epoch: number
  config: ServingConfig
  zones: readonly ServingZone[]
  /** For DNS over TLS and HTTPS. */
  certificate: TlsSecrets | null
}

export type ServingChange =
  /** Another configuration and all its zones: views, keys and rules at once. */
  | { kind: 'configure'; epoch: number; config: ServingConfig; zones: readonly ServingZone[] }
  /** One zone has another image, or none. */
  | { kind: 'zone'; epoch: number; zone: ServingZone }
  | { kind: 'certificate'; epoch: number; certificate: TlsSecrets }
  /** Something was taken out of the resolver cache. */
  | { kind: 'flush'; epoch: number }

/** The answer to UpdateRequest: what to tell the client. */
export interface UpdateResult {
  kind: 'updated'
  id: number
  rcode: Rcode
  /** A primary's answer, to be sent as it is: what was asked was forwarded. */
  wire?: Uint8Array
  /** For the log and an Extended DNS Error; not sent to strangers where it would tell them about the zone. */
  reason?: string
  ede?: number
}

/** The answer to NotifyRequest. */
export interface NotifyResult {
  kind: 'notified'
  id: number
  rcode: Rcode
  reason?: string
}

/** The answer to DifferencesRequest and to MoreDifferences. */
export interface DifferencesPart {
  kind: 'differences'
  id: number
  /** The next records of the IXFR, packed; absent where there are no more, or none at all. */
  records?: Uint8Array
}

/** A request that main has received itself (DNS over HTTPS), to be answered by HandedResponse. */
export interface HandedRequest {
  kind: 'request'
  id: number
  wire: Uint8Array
  transport: 'https'
  address: Uint8Array
  port: number
  destination: Uint8Array
  destinationPort: number
  dohPath: string
}

/** Asks for what the thread knows of its resolvers, answered by ReportResponse. */
export interface ReportRequest {
  kind: 'report'
  id: number
}

/** What a thread's resolvers have done and know. */
export interface ReportResponse {
  kind: 'report'
  id: number
  report: ThreadReport
}

/** Whether answered queries are to be shown to main, as QueryLines; a busy thread shows some of them. */
export interface WatchQueries {
  kind: 'watch'
  on: boolean
}

/** Accept nothing more, let what is in flight end for `grace` milliseconds, close, say `stopped`. */
export interface StopServing {
  kind: 'stop'
  grace: number
}

export type ToMain =
  | { kind: 'ready'; listening: readonly ServingSocket['address'][] }
  | { kind: 'failed'; message: string }
  | UpdateRequest
  | NotifyRequest
  | DifferencesRequest
  | MoreDifferences
  | EnoughDifferences
  | HandedResponse
  | ReportResponse
  | LogLine
  | QueryLines
  | EntrustedConnection
  | { kind: 'stopped' }

/** A connection of HTTPS that main is to serve whole, answered by EntrustedClosed. */
export interface EntrustedConnection {
  kind: 'entrusted'
  id: number
  fd: number
  /** What was read of it: its ClientHello. */
  read: Uint8Array
}

/** It has closed. */
export interface EntrustedClosed {
  kind: 'entrusted-closed'
  id: number
}

/** Who sent a request that main decides on; the signature has been verified. */
export interface RequestOrigin {
  transport: Transport
  address: Uint8Array
  port: number
  /** The view that the request belongs to. */
  view: string
  /** The TSIG key's name, and the request's MAC: the same MAC again is the same request again. */
  key?: Name
  mac?: Uint8Array
}

/** An UPDATE (RFC 2136) for a zone that the view has. `wire` is the whole message, its TSIG included. */
export interface UpdateRequest {
  kind: 'update'
  id: number
  wire: Uint8Array
  zone: Name
  from: RequestOrigin
  /** When it came, by the monotonic clock. */
  received: number
}

/** A NOTIFY (RFC 1996) for a secondary zone of the view. */
export interface NotifyRequest {
  kind: 'notify'
  id: number
  zone: Name
  /** Of the SOA that came along, if any. */
  serial?: number
  from: RequestOrigin
}

/** Asks for what has changed in a zone since it had this serial (RFC 1995), from the journal. */
export interface DifferencesRequest {
  kind: 'differences'
  id: number
  view: string
  zone: Name
  serial: number
}

/** Asks for the next part of the differences that were first asked for by `first`: no part is sent before the one before it has gone out. */
export interface MoreDifferences {
  kind: 'more-differences'
  id: number
  first: number
}

/** No more parts are wanted. */
export interface EnoughDifferences {
  kind: 'enough-differences'
  first: number
}

export interface HandedResponse {
  kind: 'response'
  id: number
  /** Absent where there is no answer. */
  wire?: Uint8Array
}

/** Answered queries, while somebody watches. */
export interface QueryLines {
  kind: 'queries'
  lines: QueryLine[]
  /** Answered in the meantime and not shown. */
  skipped: number
}

/** A line for main's log. */
export interface LogLine {
  kind: 'log'
  level: 'debug' | 'info' | 'warn' | 'error'
  fields: object
  message: string
}
