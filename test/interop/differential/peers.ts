import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startPeer } from '../tools.ts'
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
export function startBind(t: Test, folder: string, port: number, files: Map<string, string>): void {
  const zones = [...files].map(([origin, path]) => `zone "${origin}" { type primary; file "${path}"; };`)
  const config = `options {
  directory "${folder}"; pid-file none; session-keyfile none; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; minimal-responses no; allow-query { any; }; notify no; empty-zones-enable no; dnssec-validation no;
  check-integrity no; check-names primary ignore; check-mx ignore; check-mx-cname ignore; check-srv-cname ignore; check-wildcard no;
  rrset-order { order fixed; }; tcp-clients 100; managed-keys-directory "${folder}";
};
controls { };
${zones.join('\n')}
`
  const path = join(folder, 'named.conf')
  writeFileSync(path, config)
  startPeer(t, 'named', ['-g', '-c', path, '-n', '1'], join(folder, 'named.log'))
}

/** Knot that is authoritative for the files and nothing else. */
export function startKnot(t: Test, folder: string, port: number, files: Map<string, string>): void {
  const zones = [...files].map(([origin, path]) => `  - domain: ${origin}\n    file: "${path}"`)
  const config = `server:
    listen: 127.0.0.1@${port}
    rundir: "${folder}/knot"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    answer-rotation: off
database:
    storage: "${folder}/knot"
log:
  - target: stderr
    any: warning
template:
  - id: default
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
${zones.join('\n')}
`
  mkdirSync(join(folder, 'knot'))
  const path = join(folder, 'knot.conf')
  writeFileSync(path, config)
  startPeer(t, 'knotd', ['-c', path], join(folder, 'knot.log'))
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
