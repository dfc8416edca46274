import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { BIND_CHECKS_NOTHING, startBind } from '../peers/bind.ts'
import { startKnot } from '../peers/knot.ts'
import type { NastyZone } from './generator.ts'

/** Writes the zones as master files; returns origin → path. */
export function writeZones(folder: string, zones: readonly NastyZone[]): Map<string, string> {
  mkdirSync(join(folder, 'zones'))
  return new Map(
    zones.map(({ origin, text }) => {
      const path = join(folder, 'zones', `${origin}zone`)
      writeFileSync(path, text)
      return [origin, path]
    }),
  )
}

/** BIND that is authoritative for the files and nothing else. */
export function serveByBind(t: Test, port: number, files: Map<string, string>): void {
  startBind(t, {
    port,
    options: `minimal-responses no; allow-query { any; }; notify no; ${BIND_CHECKS_NOTHING} rrset-order { order fixed; }; tcp-clients 100;`,
    statements: [...files].map(([origin, path]) => `zone "${origin}" { type primary; file "${path}"; };`).join('\n'),
  })
}

/** Knot that is authoritative for the files and nothing else. */
export function serveByKnot(t: Test, port: number, files: Map<string, string>): void {
  const zones = [...files].map(([origin, path]) => `  - domain: ${origin}\n    file: "${path}"`)
  const template = '    semantic-checks: off\n    zonefile-sync: -1\n    journal-content: none'
  startKnot(t, { port, template, sections: `zone:\n${zones.join('\n')}` })
}

/** A client that sends many queries down one TCP connection and takes the answers in any order. */
export class Pipeline {
  private readonly socket: Socket
  private readonly waiting = new Map<number, (response: Uint8Array) => void>()
  private received: Buffer = Buffer.alloc(0)
  private id = 0

  private constructor(socket: Socket) {
    this.socket = socket
    // A peer that is stopped may cut the connection before we close it.
    socket.on('error', () => {})
    socket.on('data', chunk => this.take(chunk))
  }

  static open(port: number): Promise<Pipeline> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Pipeline(socket)))
    })
  }

  /** Sends the query under an ID of its own; the response keeps that. */
  ask(wire: Uint8Array): Promise<Uint8Array> {
    this.id = (this.id + 1) & 0xffff
    const framed = Buffer.alloc(wire.length + 2)
    framed.writeUInt16BE(wire.length, 0)
    framed.set(wire, 2)
    framed.writeUInt16BE(this.id, 2)
    return new Promise(resolve => {
      this.waiting.set(this.id, resolve)
      this.socket.write(framed)
    })
  }

  close(): void {
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    this.received = this.received.length > 0 ? Buffer.concat([this.received, chunk]) : chunk
    while (this.received.length >= 2) {
      const end = 2 + this.received.readUInt16BE(0)
      if (this.received.length < end) return
      const response = this.received.subarray(2, end)
      const id = response.readUInt16BE(0)
      this.received = this.received.subarray(end)
      this.waiting.get(id)?.(Uint8Array.from(response))
      this.waiting.delete(id)
    }
  }
}
