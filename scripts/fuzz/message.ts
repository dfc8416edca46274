import { Flag, Opcode } from '../../dns/codes.ts'
import { WireError } from '../../dns/errors.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { equalNames } from '../../dns/name.ts'
import { Query, readQuery } from '../../dns/query.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { readTsig } from '../../dns/tsig-record.ts'
import { canonicalRdata, parseRdataText, printRdata } from '../../dns/types.ts'
import type { FuzzTarget } from './target.ts'

/** The message codec: only WireError may be thrown, and what is read can be written, read, printed and parsed again. */
export const message: FuzzTarget = {
  extension: 'bin',
  words: ['c00c', '00000100', '0001', '0029', '00fa', '00ff', '00fe', '2f', '40', '2e'].map(
    hex => new Uint8Array(Buffer.from(hex, 'hex')),
  ),
  check: input => {
    const parsed = unlessWireError(() => parseMessage(input))
    checkQuery(input, parsed)
    if (!parsed) return
    for (const record of recordsOf(parsed)) checkText(record)
    if (parsed.tsig) unlessWireError(() => readTsig(parsed.tsig!.record.rdata))
    checkRewritten(parsed)
  },
}

function unlessWireError<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

/** The reader in place and the reader of whole messages agree. */
function checkQuery(input: Uint8Array, parsed: Message | undefined): void {
  const query = new Query()
  const result = readQuery(input, 0, input.length, query)
  if (result !== 0 || !query.simple) return
  if (!parsed) throw new Error('readQuery takes what parseMessage refuses')
  const [question] = parsed.question
  const name = input.subarray(query.nameAt, query.nameAt + query.nameLength)
  const agree =
    query.id === parsed.id &&
    parsed.opcode === Opcode.QUERY &&
    equalNames(name, question!.name) &&
    query.qtype === question!.type &&
    query.hasEdns === (parsed.edns !== undefined) &&
    query.hasTsig === (parsed.tsig !== undefined) &&
    query.dnssecOk === (parsed.edns?.dnssecOk ?? false)
  if (!agree) throw new Error('readQuery and parseMessage disagree')
}

function recordsOf(parsed: Message): ResourceRecord[] {
  return [...parsed.answer, ...parsed.authority, ...parsed.additional]
}

function checkText({ type, rdata }: ResourceRecord): void {
  const text = printRdata(type, rdata)
  // Data of classes that are not IN is opaque; it fits its type or is printed in the generic form, which does not parse then.
  if (text.startsWith('\\#')) return
  if (Buffer.compare(parseRdataText(type, text), rdata) !== 0) throw new Error(`${text} is parsed as something else`)
}

function checkRewritten(parsed: Message): void {
  const { tsig: _, ...unsigned } = parsed
  const written = parseMessage(writeMessage(unsigned))
  // What was compressed further than we compress may no longer fit.
  if (written.flags & Flag.TC && !(parsed.flags & Flag.TC)) return
  if (parsed.flags & Flag.TC) return
  const before = recordsOf(parsed)
  const after = recordsOf(written)
  const same =
    before.length === after.length &&
    written.rcode === parsed.rcode &&
    written.opcode === parsed.opcode &&
    before.every((record, i) => sameRecord(record, after[i]!))
  if (!same) throw new Error('a message is not what it was after writing and reading it')
}

/** A compression pointer may lead to a name in another case, so case is ignored. */
function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  if (a.type !== b.type || a.class !== b.class || a.ttl !== b.ttl || !equalNames(a.owner, b.owner)) return false
  return Buffer.compare(canonicalRdata(a.type, a.rdata), canonicalRdata(b.type, b.rdata)) === 0
}
