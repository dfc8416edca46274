import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import type { Config } from '../../config/schema.ts'
import { Class, Opcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { type Name, parseName } from '../../dns/name.ts'
import { typeCode } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import { type Clock, systemClock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { EntrustedConnections } from '../../server/http/entrusted-connections.ts'
import { type Libc, loadLibc } from '../../server/listen/libc.ts'
import { type OpenSockets, openSockets } from '../../server/listen/sockets.ts'
import type { ServerCertificate } from '../../server/listen/tls.ts'
import type { Decisions } from '../../server/threads/decisions.ts'
import type { ServingConfig, ServingZone, ToMain } from '../../server/threads/messages.ts'
import { createServing, type ServingWorld } from '../../server/threads/worker.ts'
import { type SpawnThread, startWorkers, type Workers } from '../../server/threads/workers.ts'
import { ZoneImage } from '../../zones/zone.ts'
import { load } from '../config/sources.ts'

/** A config's views and keys, and the text of the zones' files by "view zone". */
export interface ServingFixture {
  /** YAML, without `listen`. */
  config: string
  zones?: Readonly<Record<string, string>>
}

export interface ServingOptions {
  clock?: Clock
  world?: Partial<ServingWorld>
  libc?: Libc | undefined
  main?: Partial<Decisions>
  workers?: number
  address?: string
  /** Serves HTTPS too, and hands over to that Unix socket what is not DoH. */
  https?: { certificate: ServerCertificate; takeover: string; entrusted?: EntrustedConnections }
  /** Serves DNS over TLS too. */
  dot?: ServerCertificate
}

/** Serving threads inline: the very code of the threads, in this one. */
export interface Served {
  workers: Workers
  config: Config
  /** UDP and TCP. */
  dns: SocketAddress
  /** Where asked for. */
  https: SocketAddress | undefined
  dot: SocketAddress | undefined
  /** By "view zone"; to publish changes. */
  images: Map<string, ZoneImage>
  zones: ServingZone[]
  logged: { level: string; fields: Record<string, unknown>; message: string }[]
  /** Lets a thread end as if it had crashed. */
  crash(index: number): void
  stop(): Promise<void>
}

/** Reads a fixture's config; fails on any error in it. */
export function readConfig(text: string): Config {
  const { config, errors } = load(text)
  if (!config) throw new Error(errors.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  return config
}

/** What serving threads get of a config. */
export function servingConfig(config: Config): ServingConfig {
  const { name, keys, cookie_secret, rate_limit, transfers, chaos, proxy_protocol, cache, log, dnstap } = config
  const views = config.views.map(view => ({ ...view, empty_zones: view.empty_zones ?? config.empty_zones }))
  const limited = rate_limit && { rate_limit }
  return {
    name,
    views,
    keys,
    cookie_secret: cookie_secret ?? [new Uint8Array(16)],
    ...limited,
    transfers,
    chaos,
    proxy_protocol,
    cache,
    log,
    ...(dnstap && { dnstap }),
  }
}

/** The image of a zone from the text of its file. */
export function imageOf(origin: Name, text: string): ZoneImage {
  const { records, errors } = parseZonefile(text, { origin, file: 'test' })
  if (errors.length > 0) throw errors[0]
  return ZoneImage.create(origin, records)
}

/** Serves a fixture on loopback ports. */
export async function serve(fixture: ServingFixture, options: ServingOptions = {}): Promise<Served> {
  const { clock = systemClock, workers: count = 1, address = '127.0.0.1' } = options
  const libc = 'libc' in options ? options.libc : loadLibc()
  const config = readConfig(fixture.config)
  const images = new Map<string, ZoneImage>()
  const zones: ServingZone[] = []
  for (const view of config.views)
    for (const { name } of view.zones) {
      const text = Object.entries(fixture.zones ?? {}).find(([id]) => sameZone(id, view.name, name))?.[1]
      if (text !== undefined) images.set(keyOf(view.name, name), imageOf(name, text))
      zones.push({ view: view.name, origin: name, image: images.get(keyOf(view.name, name))?.buffer ?? null })
    }
  const { https, dot } = options
  const any = [{ address, port: 0 }]
  const sockets: OpenSockets = await openSockets({
    ...{ dns: any, dot: dot ? any : [], https: https ? any : [] },
    workers: count,
    libc,
  })
  const logged: Served['logged'] = []
  const crashes: (() => void)[] = []
  const spawn: SpawnThread = (init, onMessage, onExit) => {
    const { port1, port2 } = new MessageChannel()
    let ended = false
    const end = (reason: string): void => {
      if (ended) return
      ended = true
      port1.close()
      onExit(reason)
    }
    crashes[init.index] = () => end('crashed')
    port1.on('message', (message: ToMain) => {
      onMessage(message)
      if (message.kind === 'stopped') end('stopped')
    })
    void createServing(port2, init, { clock, libc, answers: 1 << 20, ...options.world })
    return { postMessage: message => port1.postMessage(message), terminate: () => end('terminated') }
  }
  const workers = await startWorkers({
    count,
    sockets,
    ...(https && { takeover: https.takeover }),
    ...(https?.entrusted && { entrusted: https.entrusted }),
    state: {
      epoch: 0,
      config: servingConfig(config),
      zones,
      certificate: https?.certificate ?? dot ?? null,
    },
    main: {
      update: async () => ({ rcode: 2 }),
      notify: async () => ({ rcode: 2 }),
      differences: async () => undefined,
      ...options.main,
    },
    clock,
    log: keepLog(logged),
    spawn,
  })
  const stop = async (): Promise<void> => {
    await workers.stop(1000)
    sockets.close()
  }
  const crash = (index: number): void => crashes[index]!()
  return {
    workers,
    config,
    dns: sockets.dns[0]!,
    https: sockets.https[0],
    dot: sockets.dot[0],
    images,
    zones,
    logged,
    crash,
    stop,
  }
}

/** "view zone", as `Served.images` has it. */
export function keyOf(view: string, origin: Name): string {
  return `${view} ${Buffer.from(origin).toString('latin1')}`
}

function sameZone(id: string, view: string, origin: Name): boolean {
  const [name, zone] = id.split(' ')
  return name === view && keyOf(view, parseName(zone!)) === keyOf(view, origin)
}

function keepLog(lines: Served['logged']): Log {
  const keep = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Record<string, unknown>, message })
  }
  const log: Log = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => log,
  }
  return log
}

/** A query, as a test writes it. */
export interface Question {
  name: string
  type?: string
  class?: number
  id?: number
  flags?: number
  edns?: Message['edns']
}

export function queryMessage({
  name,
  type = 'A',
  class: qclass = Class.IN,
  id = 4711,
  flags = 0,
  edns,
}: Question): Message {
  const question = [{ name: parseName(name), type: typeCode(type)!, class: qclass }]
  const message = { id, flags, opcode: Opcode.QUERY, rcode: 0, question, answer: [], authority: [], additional: [] }
  return edns ? { ...message, edns } : message
}

export const EDNS = { udpSize: 1232, version: 0, dnssecOk: false, options: [] }

/** Sends octets over UDP, from `source` where given, and resolves with the answer. */
export async function exchangeUdp(to: SocketAddress, wire: Uint8Array, source?: string): Promise<Uint8Array> {
  const socket = createSocket(to.address.includes(':') ? 'udp6' : 'udp4')
  if (source) await new Promise<void>(resolve => socket.bind(0, source, resolve))
  const answer = once(socket, 'message') as Promise<[Buffer]>
  socket.send(wire, to.port, to.address)
  const [message] = await answer
  socket.close()
  return message
}

/** Asks over UDP. */
export async function ask(to: SocketAddress, question: Question, source?: string): Promise<Message> {
  return parseMessage(await exchangeUdp(to, writeMessage(queryMessage(question)), source))
}

/** A TCP client that speaks in frames. */
export class FrameClient {
  readonly socket: Socket
  readonly received: Buffer[] = []
  closed = false
  private buffer = Buffer.alloc(0)
  private waiting: (() => void)[] = []

  constructor(to: SocketAddress, localAddress?: string) {
    this.socket = connect({ host: to.address, port: to.port, ...(localAddress && { localAddress }) })
    this.socket.on('data', chunk => {
      this.buffer = Buffer.concat([this.buffer, chunk])
      while (this.buffer.length >= 2 && this.buffer.length >= 2 + this.buffer.readUInt16BE()) {
        const end = 2 + this.buffer.readUInt16BE()
        this.received.push(this.buffer.subarray(2, end))
        this.buffer = this.buffer.subarray(end)
      }
      this.wake()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
      this.wake()
    })
  }

  private wake(): void {
    for (const task of this.waiting.splice(0)) task()
  }

  send(...messages: Uint8Array[]): void {
    this.socket.write(
      Buffer.concat(messages.flatMap(message => [Buffer.from([message.length >> 8, message.length & 255]), message])),
    )
  }

  /** Resolves with all messages once there are `count`, or the server has closed. */
  async messages(count: number): Promise<Buffer[]> {
    while (this.received.length < count && !this.closed) await new Promise<void>(resolve => this.waiting.push(resolve))
    return this.received
  }

  async end(): Promise<void> {
    this.socket.destroy()
    while (!this.closed) await new Promise<void>(resolve => this.waiting.push(resolve))
  }
}
