import type { Test } from 'tap'
import { Flag, rcodeName } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { type Name, parseName } from '../../dns/name.ts'
import { Query, readQuery } from '../../dns/query.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { ResponseWriter, udpLimit } from '../../dns/response.ts'
import { printRecord, typeCode } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import { Answerer, type AnswerResult } from '../../zones/lookup/answer.ts'
import { ZoneTable } from '../../zones/lookup/table.ts'
import { ZoneImage } from '../../zones/zone.ts'

/** The records of a master file given as text. Throws where it has an error. */
export function recordsOf(origin: string, text: string): ResourceRecord[] {
  const { records, errors } = parseZonefile(text, { origin: parseName(origin), file: 'test' })
  if (errors.length > 0) throw new Error(errors.map(String).join('\n'))
  return [...records]
}

/** The image of a zone given as text. */
export function imageOf(origin: string, text: string): ZoneImage {
  return ZoneImage.create(parseName(origin), recordsOf(origin, text))
}

/** The zones of a view: origin → master file. */
export function zonesOf(files: Record<string, string>): ZoneTable {
  return new ZoneTable(Object.entries(files).map(([origin, text]) => imageOf(origin, text)))
}

/** What a query may say besides its question. */
export interface AskOptions {
  /** Without: no OPT. */
  udpSize?: number
  dnssecOk?: boolean
  /** Octets that the response may have; by default those of UDP. */
  limit?: number
  resolving?: boolean
}

/** A response in text: records one a line, as in a master file. */
export interface Told {
  result: AnswerResult
  rcode: string
  flags: string[]
  answer: string[]
  authority: string[]
  additional: string[]
  message: Message
  length: number
}

/** The wire form of a query. */
export function queryWire(name: Name, type: number, options: AskOptions = {}): Uint8Array {
  return writeMessage({
    id: 4711,
    flags: Flag.RD,
    opcode: 0,
    rcode: 0,
    question: [{ name, type, class: 1 }],
    answer: [],
    authority: [],
    additional: [],
    ...(options.udpSize !== undefined && {
      edns: { udpSize: options.udpSize, version: 0, dnssecOk: options.dnssecOk ?? false, options: [] },
    }),
  })
}

const query = new Query()
const response = new ResponseWriter()
const answerer = new Answerer()

/** Who is told of all that is asked and fits a datagram, to ask the same another way. */
let listener: ((zones: ZoneTable, wire: Uint8Array) => void) | undefined
export function onAsked(told: typeof listener): void {
  listener = told
}

/** Asks "www.example. A" of the zones, by way of the wire both ways. */
export function ask(zones: ZoneTable, question: string, options: AskOptions = {}): Told {
  const [name, type] = question.split(' ')
  return askWire(zones, queryWire(parseName(name!), typeCode(type!)!, options), options)
}

/** Asks what the message says. */
export function askWire(zones: ZoneTable, wire: Uint8Array, options: AskOptions = {}): Told {
  const refused = readQuery(wire, 0, wire.length, query)
  if (refused !== 0) throw new Error(`the query is refused: ${refused}`)
  response.begin(query, options.limit ?? udpLimit(query))
  if (options.limit === undefined && !options.resolving) listener?.(zones, wire)
  const result = answerer.answer(query, zones, response, options.resolving)
  const length = response.finish()
  const message = parseMessage(response.message().slice())
  return {
    result,
    rcode: rcodeName(message.rcode),
    flags: (['AA', 'TC'] as const).filter(flag => message.flags & Flag[flag]),
    answer: message.answer.map(printRecord),
    authority: message.authority.map(printRecord),
    additional: message.additional.map(printRecord),
    message,
    length,
  }
}

/** The target that the last `ask` came to. */
export function lastTarget(): Name {
  return answerer.target.toName()
}

/** The delegation that the last `ask` came to. */
export function lastDelegation(): ReturnType<Answerer['delegation']> {
  return answerer.delegation()
}

/** What a response is expected to tell; lists are meant whole, their lines as text or as what they match. */
export type Expected = { [K in 'result' | 'rcode']?: string } & {
  [K in 'flags' | 'answer' | 'authority' | 'additional']?: readonly (string | RegExp)[]
}

/** Asserts it. (tap's `match` alone lets lists be longer.) */
export function tells(t: Test, told: Told, expected: Expected, what = 'the same'): void {
  const lengths = (from: Expected) =>
    Object.entries(expected).flatMap(([part]) => {
      const list = from[part as keyof Expected]
      return Array.isArray(list) ? [`${part}: ${list.length}`] : []
    })
  t.match({ ...told, lengths: lengths(told) }, { ...expected, lengths: lengths(expected) }, what)
}
