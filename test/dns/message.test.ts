import fc from 'fast-check'
import t from 'tap'
import { Flag, Opcode, Rcode } from '../../dns/codes.ts'
import { WireError } from '../../dns/errors.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseRdataText, printRecord, Type } from '../../dns/types.ts'
import { arbitraryName, arbitraryRecord } from './arbitraries.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const record = (owner: string, type: keyof typeof Type, text: string): ResourceRecord => ({
  owner: parseName(owner),
  type: Type[type],
  class: 1,
  ttl: 60,
  rdata: parseRdataText(Type[type], text),
})
const empty: Message = {
  id: 1,
  flags: Flag.QR,
  opcode: 0,
  rcode: 0,
  question: [],
  answer: [],
  authority: [],
  additional: [],
}
const question = [{ name: parseName('www.example.'), type: 1, class: 1 }]

t.test('the sections', async t => {
  const message: Message = {
    ...empty,
    id: 0xabcd,
    flags: Flag.QR | Flag.AA | Flag.RD,
    opcode: Opcode.UPDATE,
    rcode: Rcode.BADVERS,
    question,
    answer: [record('www.example.', 'CNAME', 'a.example.')],
    authority: [record('example.', 'NS', 'ns.example.')],
    additional: [record('ns.example.', 'A', '192.0.2.1')],
    edns: { udpSize: 1232, version: 0, dnssecOk: true, options: [{ code: 10, data: Uint8Array.of(1, 2) }] },
  }
  const wire = writeMessage(message)
  t.same(parseMessage(wire), message)
  t.equal(wire.length, 12 + 17 + (12 + 4) + (12 + 5) + (12 + 4) + 17, 'names are compressed')
})

t.test('messages that are refused', async t => {
  const header = (counts: string) => `0001 0000 ${counts}`
  const opt = '00 0029 04d0 00000000 0000'
  const tsig = '00 00fa 00ff 00000000 0000'
  const rows: [what: string, wire: string][] = [
    ['shorter than a header', '0001 0000 0000 0000 0000'],
    ['a question that is not there', header('0001 0000 0000 0000')],
    ['octets after the end', `${header('0000 0000 0000 0000')} 00`],
    ['RDATA past the end', `${header('0000 0001 0000 0000')} 00 fff0 0001 00000000 0005 01`],
    ['RFC 6891 §6.1.1: two OPT', `${header('0000 0000 0000 0002')} ${opt} ${opt}`],
    ["RFC 6891 §6.1.2: an OPT that is not the root's", `${header('0000 0000 0000 0001')} 0161 ${opt}`],
    ['an OPT in the answer', `${header('0000 0001 0000 0000')} ${opt}`],
    ['an option past the end of OPT', `${header('0000 0000 0000 0001')} 00 0029 04d0 00000000 0004 000a 0008`],
    ['RFC 8945 §5.1: a TSIG that is not last', `${header('0000 0000 0000 0002')} ${tsig} ${opt}`],
    ['RFC 8945 §5.1: two TSIG', `${header('0000 0000 0000 0002')} ${tsig} ${tsig}`],
    ['a TSIG in the authority section', `${header('0000 0000 0001 0000')} ${tsig}`],
  ]
  for (const [what, wire] of rows) t.throws(() => parseMessage(hex(wire)), WireError, what)
})

t.test('header and records', async t => {
  const parsed = parseMessage(
    hex('0001 a9ff 0000 0001 0000 0001 00 0001 0001 80000000 0004 0a000001 00 00fa 00ff 00000000 0000'),
  )
  t.equal(parsed.opcode, Opcode.UPDATE)
  t.equal(parsed.rcode, 15)
  t.equal(parsed.answer[0]!.ttl, 0, 'RFC 2181 §8: a TTL with its top bit set is zero')
  t.equal(parsed.tsig!.offset, 27, 'where the signed octets end')
  t.equal(parsed.additional.length, 0, 'the TSIG is set apart')
})

t.test('RFC 2136 §2.4: prerequisites and deletions without data', async t => {
  const update: Message = {
    ...empty,
    flags: 0,
    opcode: Opcode.UPDATE,
    answer: [{ owner: parseName('a.'), type: Type.A, class: 255, ttl: 0, rdata: new Uint8Array() }],
    authority: [
      { owner: parseName('a.'), type: Type.ANY, class: 255, ttl: 0, rdata: new Uint8Array() },
      { owner: parseName('a.'), type: Type.A, class: 254, ttl: 0, rdata: Uint8Array.of(192, 0, 2, 1) },
    ],
  }
  t.same(parseMessage(writeMessage(update)), update)
})

t.test('what does not fit', async t => {
  const many = (owner: string, count: number) =>
    Array.from({ length: count }, (_, i) => record(owner, 'A', `192.0.2.${i}`))
  const whole: Message = {
    ...empty,
    question,
    answer: many('www.example.', 10),
    authority: [record('example.', 'NS', 'ns.example.')],
    additional: many('ns.example.', 40),
  }
  const shorter = parseMessage(writeMessage(whole, { limit: 512 }))
  t.equal(shorter.flags & Flag.TC, 0, 'RFC 2181 §9: additional records are left out without TC')
  t.equal(shorter.answer.length, 10)
  t.equal(shorter.additional.length, 0, 'an RRset is there as a whole or not at all')
  const cut = parseMessage(
    writeMessage({ ...whole, answer: [record('www.example.', 'CNAME', 'x.'), ...many('x.', 60)] }, { limit: 512 }),
  )
  t.equal(cut.flags & Flag.TC, Flag.TC, 'an answer that does not fit sets TC')
  t.strictSame(cut.answer.map(printRecord), ['www.example. 60 IN CNAME x.'])
  t.strictSame([cut.authority.length, cut.additional.length], [0, 0])
  const edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] }
  const reserved = writeMessage({ ...whole, answer: many('www.example.', 60), edns }, { limit: 512 })
  t.ok(reserved.length <= 512)
  t.same(parseMessage(reserved).edns, edns, 'OPT is in a truncated answer too')
})

t.test('any message comes back', async () => {
  const records = fc.array(arbitraryRecord, { maxLength: 4 })
  const message = fc.record({
    ...Object.fromEntries(Object.entries(empty).map(([key, value]) => [key, fc.constant(value)])),
    id: fc.nat(0xffff),
    question: fc.array(fc.record({ name: arbitraryName, type: fc.nat(0xffff), class: fc.nat(0xffff) }), {
      maxLength: 2,
    }),
    answer: records,
    authority: records,
    additional: records,
  }) as unknown as fc.Arbitrary<Message>
  const shape = (m: Message) => ({
    ...m,
    question: m.question.map(q => [printName(q.name).toLowerCase(), q.type, q.class]),
    answer: m.answer.map(r => printRecord(r).toLowerCase()),
    authority: m.authority.map(r => printRecord(r).toLowerCase()),
    additional: m.additional.map(r => printRecord(r).toLowerCase()),
  })
  fc.assert(
    fc.property(message, original => {
      const back = parseMessage(writeMessage(original))
      // A pointer leads to an earlier name of the same letters, maybe in another case.
      t.strictSame(shape(back), shape(original))
    }),
    { numRuns: 150 },
  )
})
