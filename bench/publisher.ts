/** Publishes TXT records by signed updates over UDP, as ACME clients do. */
import { createSocket } from 'node:dgram'
import { Class, Opcode } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { signRequest } from '../dns/tsig.ts'
import type { TsigKey } from '../dns/tsig-record.ts'
import { parseRdataText, Type } from '../dns/types.ts'

/** Where records appear, and where they go again. */
export interface Publisher {
  /** Resolves once the server has said that the record is there. */
  publish(name: string, text: string): Promise<void>
  /** The same, that it is gone. */
  withdraw(name: string, text: string): Promise<void>
  close(): void
}

/** Updates the zone of the server on this port of this machine, many at once. Rejects where one is refused. */
export function openPublisher(port: number, apex: string, key: TsigKey): Publisher {
  const socket = createSocket('udp4')
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  let id = 0
  socket.on('message', reply => {
    const pending = waiting.get(reply.readUInt16BE(0))
    waiting.delete(reply.readUInt16BE(0))
    if ((reply[3]! & 15) === 0) pending?.resolve()
    else pending?.reject(new Error(`the update was answered with ${reply[3]! & 15}`))
  })
  const update = (name: string, text: string, { class: classCode, ttl }: { class: number; ttl: number }) =>
    new Promise<void>((resolve, reject) => {
      id = (id + 1) & 0xffff
      waiting.set(id, { resolve, reject })
      const rdata = parseRdataText(Type.TXT, `"${text}"`)
      const message = {
        id,
        flags: 0,
        opcode: Opcode.UPDATE,
        rcode: 0,
        question: [{ name: parseName(apex), type: Type.SOA, class: Class.IN }],
        answer: [],
        authority: [{ owner: parseName(name), type: Type.TXT, class: classCode, ttl, rdata }],
        additional: [],
      }
      socket.send(signRequest(writeMessage(message), key, Math.floor(Date.now() / 1000)).wire, port, '127.0.0.1')
    })
  return {
    publish: (name, text) => update(name, text, { class: Class.IN, ttl: 1 }),
    // RFC 2136 §2.5.4.
    withdraw: (name, text) => update(name, text, { class: Class.NONE, ttl: 0 }),
    close: () => socket.close(),
  }
}
