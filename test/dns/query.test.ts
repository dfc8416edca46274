import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { equalNames, parseName, ROOT } from '../../dns/name.ts'
import { DROP, Query, readQuery } from '../../dns/query.ts'
import { Type } from '../../dns/types.ts'

const NAME = parseName('www.Example.org.')

function message(more: Partial<Message> = {}): Message {
  return {
    id: 0xbeef,
    flags: 0x0100,
    opcode: 0,
    rcode: 0,
    question: [{ name: NAME, type: Type.AAAA, class: 1 }],
    answer: [],
    authority: [],
    additional: [],
    ...more,
  }
}

/** What `readQuery` makes of the octets; they lie in the middle of a larger buffer, as a batch of datagrams does. */
function read(wire: Uint8Array, query = new Query()): { status: number; query: Query } {
  const buf = new Uint8Array(wire.length + 40).fill(0xee)
  buf.set(wire, 20)
  return { status: readQuery(buf, 20, wire.length, query), query }
}

/** The message with octets replaced, by offset. */
function changed(wire: Uint8Array, octets: Record<number, number>): Uint8Array {
  const copy = Uint8Array.from(wire)
  for (const [at, octet] of Object.entries(octets)) copy[Number(at)] = octet
  return copy
}

const joined = (...parts: (Uint8Array | number[])[]) => Uint8Array.from(parts.flatMap(part => [...part]))
const edns = { udpSize: 1400, version: 0, dnssecOk: true, options: [] }
const PLAIN = writeMessage(message())
const WITH_OPT = writeMessage(message({ edns }))
const OPT = [...WITH_OPT.subarray(PLAIN.length)]
const TSIG_RECORD = [0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]

t.test('a plain query', async t => {
  const { status, query } = read(PLAIN)
  t.equal(status, 0)
  t.match(query, {
    id: 0xbeef,
    flags: 0x0100,
    opcode: 0,
    qtype: 28,
    qclass: 1,
    simple: true,
    hasEdns: false,
    udpSize: 512,
  })
  t.ok(
    equalNames(query.buf.subarray(query.nameAt, query.nameAt + query.nameLength), NAME),
    'its name lies in the buffer',
  )
})

t.test('EDNS', async t => {
  const option = (code: number, size: number) => ({ code, data: new Uint8Array(size).fill(code) })
  const options = [option(3, 0), option(10, 8), option(11, 0), option(12, 5), option(65001, 3)]
  const { status, query } = read(writeMessage(message({ edns: { ...edns, options } })))
  t.equal(status, 0)
  t.match(query, { simple: true, hasEdns: true, udpSize: 1400, ednsVersion: 0, dnssecOk: true, cookieLength: 8 })
  t.match(query, { nsid: true, keepalive: true, padding: true })
  t.equal(query.buf[query.cookieAt], 10, 'the cookie is where it is said to be')
  t.match(
    read(PLAIN, query).query,
    { hasEdns: false, dnssecOk: false, cookieLength: 0, nsid: false, keepalive: false, padding: false, udpSize: 512 },
    'nothing stays of the query before',
  )
  t.equal(
    read(writeMessage(message({ edns: { ...edns, udpSize: 100 } }))).query.udpSize,
    512,
    'RFC 6891 §6.2.3: below 512 is 512',
  )
  t.equal(
    read(writeMessage(message({ edns: { ...edns, version: 1 } }))).query.ednsVersion,
    1,
    'other versions are for the caller',
  )
})

t.test('what is not simple is left to parseMessage', async t => {
  const record = { owner: NAME, type: Type.A, class: 1, ttl: 0, rdata: Uint8Array.of(1, 2, 3, 4) }
  const cases: [string, Uint8Array][] = [
    ['an UPDATE', writeMessage(message({ opcode: 5 }))],
    ['a NOTIFY', writeMessage(message({ opcode: 4, answer: [record] }))],
    ['an IXFR with its SOA', writeMessage(message({ authority: [record] }))],
    ['an additional record', writeMessage(message({ additional: [record] }))],
  ]
  for (const [what, wire] of cases) {
    const { status, query } = read(wire)
    t.equal(status, 0, what)
    t.equal(query.simple, false)
  }
  t.match(
    read(changed(joined(PLAIN, TSIG_RECORD), { 11: 1 })).query,
    { hasTsig: true, simple: true, tsigAt: 20 + PLAIN.length },
    'RFC 8945: a TSIG is pointed to',
  )
  t.match(
    read(changed(joined(WITH_OPT, TSIG_RECORD), { 11: 2 })).query,
    { hasTsig: true, hasEdns: true, simple: true },
    'after an OPT too',
  )
})

t.test('what breaks the format', async t => {
  const cases: [string, Uint8Array, number][] = [
    ['RFC 1035 §4.1.1: less than a header', PLAIN.subarray(0, 11), DROP],
    ['nothing', PLAIN.subarray(0, 0), DROP],
    ['a response', changed(PLAIN, { 2: 0x81 }), DROP],
    ['a response that is cut short', changed(PLAIN, { 2: 0x81 }).subarray(0, 14), DROP],
    ['RFC 9619: no question', changed(PLAIN, { 5: 0 }), Rcode.FORMERR],
    ['RFC 9619: two questions', changed(PLAIN, { 5: 2 }), Rcode.FORMERR],
    ['a header alone', PLAIN.subarray(0, 12), Rcode.FORMERR],
    ['a name cut short', PLAIN.subarray(0, 20), Rcode.FORMERR],
    ['no QTYPE', PLAIN.subarray(0, PLAIN.length - 4), Rcode.FORMERR],
    ['half a QCLASS', PLAIN.subarray(0, PLAIN.length - 1), Rcode.FORMERR],
    ['octets after the question', joined(PLAIN, [0]), Rcode.FORMERR],
    ['octets after OPT', joined(WITH_OPT, [0]), Rcode.FORMERR],
    ['a compression pointer in QNAME', changed(PLAIN, { 12: 0xc0 }), Rcode.FORMERR],
    ['a label of unknown type', changed(PLAIN, { 12: 0x41 }), Rcode.FORMERR],
    ['an OPT announced but missing', changed(PLAIN, { 11: 1 }), Rcode.FORMERR],
    ['an OPT cut short', WITH_OPT.subarray(0, WITH_OPT.length - 1), Rcode.FORMERR],
    ['RFC 6891 §6.1.1: two OPT', changed(joined(WITH_OPT, OPT), { 11: 2 }), Rcode.FORMERR],
    ['RFC 6891 §6.1.2: an OPT not owned by the root', changed(joined(PLAIN, [1, 97], OPT), { 11: 1 }), Rcode.FORMERR],
    ['an option cut short', changed(joined(PLAIN, OPT.slice(0, 9), [0, 3, 0, 10, 0]), { 11: 1 }), Rcode.FORMERR],
    [
      'an option longer than OPT',
      changed(joined(PLAIN, OPT.slice(0, 9), [0, 4, 0, 10, 0, 8]), { 11: 1 }),
      Rcode.FORMERR,
    ],
    ['RFC 8945 §5.1: a TSIG that is not the last', changed(joined(PLAIN, TSIG_RECORD, OPT), { 11: 2 }), Rcode.FORMERR],
    ['RFC 8945 §5.1: two TSIG', changed(joined(PLAIN, TSIG_RECORD, TSIG_RECORD), { 11: 2 }), Rcode.FORMERR],
  ]
  for (const [what, wire, expected] of cases) t.equal(read(wire).status, expected, what)
  t.equal(read(changed(PLAIN, { 5: 2 })).query.id, 0xbeef, 'what can be answered has its ID')
  const long = joined(
    PLAIN.subarray(0, 12),
    ...Array.from({ length: 5 }, () => [62, ...new Array(62).fill(97)]),
    [0, 0, 1, 0, 1],
  )
  t.equal(read(long).status, Rcode.FORMERR, 'RFC 1035 §2.3.4: a name of more than 255 octets')
})

t.test('the longest name', async t => {
  const labels = [63, 63, 63, 61].flatMap(size => [size, ...new Array(size).fill(98)])
  const { status, query } = read(joined(PLAIN.subarray(0, 12), labels, [0, 0, 1, 0, 1]))
  t.equal(status, 0)
  t.equal(query.nameLength, 255)
  t.equal(read(joined(PLAIN.subarray(0, 12), [0, 0, 2, 0, 1])).query.nameLength, ROOT.length)
})

t.test('what it accepts as simple, parseMessage reads the same', async () => {
  const mutated = fc.tuple(
    fc.constantFrom(PLAIN, WITH_OPT),
    fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
    fc.nat(8),
  )
  fc.assert(
    fc.property(mutated, ([wire, edits, cut]) => {
      const octets = changed(wire, Object.fromEntries(edits.map(([at, octet]) => [at % wire.length, octet]))).subarray(
        0,
        wire.length - cut,
      )
      const { status, query } = read(octets)
      if (status !== 0 || !query.simple || query.hasTsig) return
      const parsed = parseMessage(octets)
      const [question] = parsed.question
      if (question?.type !== query.qtype || question.class !== query.qclass) throw new Error('another question')
      if (parsed.edns?.dnssecOk !== (query.hasEdns ? query.dnssecOk : undefined)) throw new Error('another DO')
      if (parsed.additional.length > 0) throw new Error('additional records passed over')
    }),
    { numRuns: 3000 },
  )
})

t.test('a copy of a query has all that the query has', async t => {
  const query = new Query()
  const members = query as unknown as Record<string, unknown>
  for (const [i, key] of Object.keys(query).entries()) {
    const value = members[key]
    members[key] = typeof value === 'number' ? i + 1 : typeof value === 'boolean' ? true : Uint8Array.of(i)
  }
  t.same({ ...new Query().copyFrom(query) }, { ...query })
})
