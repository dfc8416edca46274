import { createSocket, type Socket } from 'node:dgram'
import { Class, Flag, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { equalNames, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'

/** A resolver that knows some records, on a loopback UDP port. */
export interface Upstream {
  port: number
  /** Names asked, in order. */
  asked: Message[]
  close(): void
}

/** Answers from records in master-file form: those of the name and type, or its CNAME, or NXDOMAIN with the SOA. */
export async function startUpstream(text: string, address = '127.0.0.1', port = 0): Promise<Upstream> {
  const { records } = parseZonefile(text, { origin: parseName('.'), file: 'upstream', defaultTtl: 300 })
  const asked: Message[] = []
  const socket: Socket = createSocket('udp4')
  socket.on('message', (wire, from) => {
    const query = parseMessage(wire)
    asked.push(query)
    socket.send(writeMessage(respond(query, records)), from.port, from.address)
  })
  await new Promise<void>(resolve => socket.bind(port, address, resolve))
  return { port: socket.address().port, asked, close: () => socket.close() }
}

function respond(query: Message, records: readonly ResourceRecord[]): Message {
  const { name, type } = query.question[0]!
  const known = records.filter(({ owner }) => equalNames(owner, name))
  const answer = known.filter(record => record.type === type || record.type === Type.CNAME)
  const soa = records.filter(record => record.type === Type.SOA)
  const authoritative = (query.flags & Flag.RD) === 0
  return {
    ...query,
    flags: Flag.QR | (query.flags & Flag.RD) | (authoritative ? Flag.AA : Flag.RA),
    rcode: known.length === 0 ? Rcode.NXDOMAIN : Rcode.NOERROR,
    answer: answer.map(record => ({ ...record, class: Class.IN })),
    authority: answer.length === 0 ? soa : [],
    additional: [],
  }
}
