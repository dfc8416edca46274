import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../../config/schema.ts'
import type { Query } from '../../dns/query.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { VERSION } from '../../host/version.ts'
import type { Client } from '../listen/client.ts'
import { encodeDnstap, type TapMessage, TapType } from './dnstap-message.ts'
import { FrameStream } from './frame-stream.ts'

const SOFTWARE = Buffer.from(`namestead ${VERSION}`)

/** Sends what clients ask and get to a dnstap reader, where one is configured. */
export class Dnstap {
  private readonly clock: Clock
  private readonly log: Log
  private config: Config['dnstap']
  private stream: FrameStream | undefined
  private identity = Buffer.alloc(0)
  private skipped = 0

  constructor(clock: Clock, log: Log) {
    this.clock = clock
    this.log = log
  }

  get active(): boolean {
    return this.stream !== undefined
  }

  configure(config: Config['dnstap'], identity: string): void {
    this.identity = Buffer.from(identity)
    if (isDeepStrictEqual(config, this.config)) return
    this.config = config
    this.stream?.close()
    this.stream = config && new FrameStream(config.socket, this.clock, this.log)
  }

  /** A query of a client and its answer, which was given after `took` milliseconds. */
  answered(query: Query, client: Client, response: Uint8Array, took: number): void {
    const { stream, config } = this
    if (!stream || !config || ++this.skipped < config.sample) return
    this.skipped = 0
    const now = this.clock.now()
    const about = {
      queryAddress: client.address,
      responseAddress: client.destination,
      queryPort: client.port,
      responsePort: client.destinationPort,
      protocol: client.transport,
      queryTime: now - took,
    }
    const request = query.buf.subarray(query.start, query.end)
    this.send(stream, { ...about, type: TapType.CLIENT_QUERY, query: request })
    this.send(stream, { ...about, type: TapType.CLIENT_RESPONSE, responseTime: now, response })
  }

  close(): void {
    this.stream?.close()
    this.stream = undefined
    this.config = undefined
  }

  private send(stream: FrameStream, message: TapMessage): void {
    stream.send(encodeDnstap(message, this.identity, SOFTWARE))
  }
}
