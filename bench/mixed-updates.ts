/** The updates of bench/mixed.ts: signed, over UDP, at a steady rate. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Class, Opcode } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { signRequest } from '../dns/tsig.ts'
import { tsigKey } from '../dns/tsig-record.ts'
import { parseRdataText, Type } from '../dns/types.ts'
import { APEX } from './query-rows.ts'

const SECRET = Buffer.alloc(32, 'mixed')
export const MIXED_KEY = { algorithm: 'hmac-sha256', text: SECRET.toString('base64') } as const
const KEY = tsigKey(parseName('bench.'), MIXED_KEY.algorithm, [SECRET])
/** Names that the updates change, none of which is asked for. */
const NAMES = 1000
const TICK = 10

/** Ends work that goes on until it is told to stop. */
export interface Work {
  stopped: boolean
}

export interface Updater {
  /** Puts a TXT record there in place of all that were; resolves once that is answered. Throws where it is refused. */
  publish(owner: string, text: string): Promise<void>
  /** So many updates a second until the work is stopped; resolves with how many were answered with NOERROR. */
  run(rate: number, work: Work): Promise<number>
  close(): void
}

export async function makeUpdater(port: number): Promise<Updater> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let id = 0
  const send = (owner: string, type: number, text: string): void =>
    void socket.send(replacing(++id & 0xffff, owner, type, text))
  return {
    async publish(owner, text) {
      send(owner, Type.TXT, `"${text}"`)
      const [reply] = (await once(socket, 'message')) as [Buffer]
      if ((reply[3]! & 15) !== 0) throw new Error(`the update has the RCODE ${reply[3]! & 15}`)
    },
    async run(rate, work) {
      let done = 0
      let sent = 0
      socket.on('message', reply => {
        if ((reply[3]! & 15) === 0) done++
      })
      for (const begin = performance.now(); !work.stopped; await pause(TICK))
        while (sent < ((performance.now() - begin) / 1000) * rate)
          send(`u${sent % NAMES}.${APEX}.`, Type.A, `10.${(sent >> 16) & 255}.${(sent >> 8) & 255}.${sent++ & 255}`)
      return done
    },
    close: () => socket.close(),
  }
}

/** RFC 2136 §2.5.2 and §2.5.1: the RRset goes, the record comes. */
function replacing(id: number, owner: string, type: number, text: string): Uint8Array {
  const name = parseName(owner)
  const authority: ResourceRecord[] = [
    { owner: name, type, class: Class.ANY, ttl: 0, rdata: new Uint8Array() },
    { owner: name, type, class: Class.IN, ttl: 60, rdata: parseRdataText(type, text) },
  ]
  const question = [{ name: parseName(`${APEX}.`), type: Type.SOA, class: Class.IN }]
  const head = { id, flags: 0, opcode: Opcode.UPDATE, rcode: 0, question }
  const wire = writeMessage({ ...head, answer: [], authority, additional: [] })
  return signRequest(wire, KEY, Math.floor(Date.now() / 1000)).wire
}
