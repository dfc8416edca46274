import type { Client } from '../client.ts'
import type { Peer } from '../connections.ts'
import { UNTOLD } from './request-head.ts'

const NOTHING = new Uint8Array(0)

/** The connection, as far as its streams know it. */
export interface StreamOwner extends Peer {
  readonly tlsVersion: string | undefined
  readonly closed: boolean
  /** The answer of a stream that has waited. */
  sendLater(stream: DohStream, message: Uint8Array): void
  /** A stream's request is worked on no more. */
  finishStream(stream: DohStream, answered: boolean): void
}

/** A request that is not answered as soon as its fields are read: its body is to come, its answer, or room for that at the client. */
export class DohStream implements Client {
  readonly transport = 'https'
  readonly id: number
  readonly dohPath: string
  readonly address: Uint8Array
  readonly port: number
  readonly destination: Uint8Array
  readonly destinationPort: number
  readonly tlsVersion: string | undefined
  /** Octets of the answer that the client takes (RFC 9113 §6.9). */
  window: number
  /** The body is to come, or goes on. */
  receiving = false
  contentLength = UNTOLD
  /** The message that the path of a GET has told already; empty where it has told none. */
  parameter: Uint8Array | undefined
  /** Octets of the answer that wait for room. */
  unsent: Uint8Array = NOTHING
  /** The client has lost interest. */
  reset = false
  private answered = false
  private readonly connection: StreamOwner
  /** The body so far, in one piece: a client may cut it into as many frames as it likes, empty ones too. */
  private body: Uint8Array = NOTHING
  private held = 0

  constructor(connection: StreamOwner, id: number, dohPath: string, window: number) {
    this.connection = connection
    this.id = id
    this.dohPath = dohPath
    this.window = window
    this.address = connection.address
    this.port = connection.port
    this.destination = connection.destination
    this.destinationPort = connection.destinationPort
    this.tlsVersion = connection.tlsVersion
  }

  /** Octets of the body that have come. */
  get received(): number {
    return this.held
  }

  /** Keeps a copy. */
  append(octets: Uint8Array, at: number, end: number): void {
    const length = this.held + end - at
    if (length > this.body.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.body.length))
      grown.set(this.body.subarray(0, this.held))
      this.body = grown
    }
    this.body.set(octets.subarray(at, end), this.held)
    this.held = length
  }

  /** The body; not kept any longer. */
  takeBody(): Uint8Array {
    const body = this.body.subarray(0, this.held)
    this.body = NOTHING
    return body
  }

  get closed(): boolean {
    return this.reset || this.connection.closed
  }

  send(message: Uint8Array): boolean {
    if (this.answered || this.closed) return true
    this.answered = true
    this.connection.sendLater(this, message)
    return true
  }

  drained(task: () => void): void {
    queueMicrotask(task)
  }

  retain(): Client {
    return this
  }

  finish(): void {
    this.connection.finishStream(this, this.answered)
  }
}
