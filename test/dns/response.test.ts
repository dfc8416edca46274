import fc from 'fast-check'
import t from 'tap'
import { Ede, Flag, OptionCode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { equalNames, type Name, parseName, printName, ROOT } from '../../dns/name.ts'
import { Query, readQuery } from '../../dns/query.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { ResponseWriter, Section, udpLimit } from '../../dns/response.ts'
import { makeRdata, parseRdataText, printRdata, Type } from '../../dns/types.ts'

const QNAME = parseName('Www.Example.org.')

function queryFor(name: Name = QNAME, udpSize?: number, dnssecOk = false): Query {
  const wire = writeMessage({
    id: 77,
    flags: Flag.RD | Flag.CD,
    opcode: 0,
    rcode: 0,
    question: [{ name, type: Type.A, class: 1 }],
    answer: [],
    authority: [],
    additional: [],
    ...(udpSize !== undefined && { edns: { udpSize, version: 0, dnssecOk, options: [] } }),
  })
  const query = new Query()
  if (readQuery(wire, 0, wire.length, query) !== 0) throw new Error('the query is refused')
  return query
}

function finished(response: ResponseWriter): Message {
  const length = response.finish()
  const message = response.message()
  if (message.length !== length) throw new Error('two lengths')
  return parseMessage(message.slice())
}

/** Stored form: each RDATA after its length. */
function stored(rdatas: Uint8Array[]): Uint8Array {
  return Uint8Array.from(rdatas.flatMap(rdata => [rdata.length >>> 8, rdata.length & 255, ...rdata]))
}

const A = (n: number) => Uint8Array.of(192, 0, 2, n)
const OTHER = parseName('other.test.')
const TEXT = parseRdataText(Type.TXT, '"12345678901234567890"')
const response = new ResponseWriter()

t.test('header and question', async t => {
  response.begin(queryFor(), 512)
  response.authoritative = true
  response.rcode = 3
  const message = finished(response)
  t.match(message, { id: 77, opcode: 0, rcode: 3, flags: Flag.QR | Flag.AA | Flag.RD | Flag.CD })
  t.equal(printName(message.question[0]!.name), 'Www.Example.org.', 'the question keeps its case')
  t.equal(message.edns, undefined, 'RFC 6891 §6.1.1: no OPT where the query had none')
  response.recursionAvailable = true
  response.authenticData = true
  response.rcode = 0
  t.match(
    finished(response),
    { rcode: 0, flags: Flag.QR | Flag.AA | Flag.RD | Flag.CD | Flag.RA | Flag.AD },
    'may be finished again',
  )
  const unread = new Query()
  readQuery(Uint8Array.of(0, 9, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0), 0, 12, unread)
  response.begin(unread)
  response.rcode = 1
  t.match(finished(response), { id: 9, rcode: 1, question: [] }, 'a question that could not be read is not echoed')
})

t.test('OPT', async t => {
  response.begin(queryFor(QNAME, 4096, true), 1232)
  response.rcode = 16
  t.equal(response.extendedError(Ede.NOT_AUTHORITATIVE, 'why'), true)
  t.equal(response.option(OptionCode.NSID, Uint8Array.from([1, 2, 3, 4]), 1, 2), true)
  const message = finished(response)
  t.equal(message.rcode, 16, 'RFC 6891 §6.1.3: carries the upper bits of the RCODE')
  t.match(message.edns, { udpSize: 1232, version: 0, dnssecOk: true })
  t.same(message.edns?.options, [
    { code: 15, data: Uint8Array.from([0, 20, ...Buffer.from('why')]) },
    { code: 3, data: Uint8Array.of(2, 3) },
  ])
  response.begin(queryFor(), 512)
  t.equal(response.extendedError(0), false, 'no option without OPT')
  response.begin(queryFor(QNAME, 512), 60)
  t.equal(response.option(3, new Uint8Array(20)), false, 'no option that does not fit')
})

t.test('limits over UDP', async t => {
  const cases: [string, number | undefined, number][] = [
    ['RFC 1035 §4.2.1: without EDNS', undefined, 512],
    ['RFC 6891 §6.2.5: what the client can take', 800, 800],
    ['RFC 9715 §3.1: but never what may be fragmented', 4096, 1232],
    ['RFC 6891 §6.2.3: at least 512', 100, 512],
  ]
  for (const [what, size, limit] of cases) t.equal(udpLimit(queryFor(QNAME, size)), limit, what)
  t.equal(udpLimit(queryFor(QNAME, 4096), 4096), 4096)
})

t.test('truncation', async t => {
  const question = 12 + QNAME.length + 4
  const ten = Array.from({ length: 10 }, (_, i) => A(i))
  const cases: [string, number, number | undefined, { tc: boolean; counts: number[] }][] = [
    ['all fits', 4096, undefined, { tc: false, counts: [10, 1, 2] }],
    ['to the octet', question + 160 + 33 + 26 + 16, undefined, { tc: false, counts: [10, 1, 2] }],
    [
      'the last of the additional RRset is one octet too long: the RRset goes',
      question + 160 + 33 + 26 + 15,
      undefined,
      { tc: false, counts: [10, 1, 0] },
    ],
    ['no room for any of additional', question + 160 + 33, undefined, { tc: false, counts: [10, 1, 0] }],
    ['authority is one octet too long', question + 160 + 32, undefined, { tc: true, counts: [10, 0, 0] }],
    ['no room for authority', question + 160, undefined, { tc: true, counts: [10, 0, 0] }],
    [
      'the answer is one octet too long: RFC 2181 §9, no part of it stays',
      question + 159,
      undefined,
      { tc: true, counts: [0, 0, 0] },
    ],
    ['room for the question alone', question, undefined, { tc: true, counts: [0, 0, 0] }],
    ['OPT needs 11 octets', question + 160 + 33 + 26 + 16 + 11, 512, { tc: false, counts: [10, 1, 2] }],
    ['and has them before others do', question + 160 + 33 + 10, 512, { tc: true, counts: [10, 0, 0] }],
  ]
  for (const [what, limit, udpSize, expected] of cases) {
    response.begin(queryFor(QNAME, udpSize), limit)
    const answered = response.records(QNAME, Type.A, 60, ten)
    response.open(Section.AUTHORITY)
    if (answered && response.records(parseName('example.org.'), Type.TXT, 60, [TEXT])) {
      response.open(Section.ADDITIONAL)
      response.records(OTHER, Type.A, 60, [A(1), A(2)])
    }
    const message = finished(response)
    t.equal((message.flags & Flag.TC) !== 0, expected.tc, what)
    t.same([message.answer.length, message.authority.length, message.additional.length], expected.counts)
    t.ok(response.message().length <= limit, 'inside the limit')
    t.equal(message.edns !== undefined, udpSize !== undefined)
  }
})

t.test('what is left out leaves no trace', async t => {
  response.begin(queryFor(), 100)
  response.open(Section.ADDITIONAL)
  const names = [
    parseName('a.somewhere.test.'),
    parseName('b.somewhere.test.'),
    parseName(`${'x'.repeat(60)}.somewhere.test.`),
  ]
  t.equal(response.records(OTHER, Type.NS, 1, names), false)
  t.equal(response.truncated, false)
  t.equal(
    response.records(parseName('c.somewhere.test.'), Type.A, 1, [A(1)]),
    true,
    'names of the part taken back are not pointed to',
  )
  const message = finished(response)
  t.equal(printName(message.additional[0]!.owner), 'c.somewhere.test.')
  t.equal(response.rrset(OTHER, 0, Type.A, 1, 9, stored(Array.from({ length: 9 }, (_, i) => A(i))), 0, true), false)
  t.equal(response.truncated, true, 'RFC 9471 §3.1: required glue sets TC')
  response.restart()
  t.match(finished(response), { additional: [], flags: Flag.QR | Flag.RD | Flag.CD }, 'and a new start takes that back')
})

t.test('compression', async t => {
  const rdata = (type: number, text: string) => parseRdataText(type, text)
  const cases: [string, Name, number, Uint8Array, number][] = [
    ['an owner equal to QNAME, ignoring case', parseName('wWW.eXAMPLE.ORG.'), Type.A, A(1), 2 + 10 + 4],
    ['an owner below QNAME', parseName('a.www.example.org.'), Type.A, A(1), 4 + 10 + 4],
    ['an ancestor of QNAME', parseName('org.'), Type.A, A(1), 2 + 10 + 4],
    ['the root', ROOT, Type.A, A(1), 1 + 10 + 4],
    ['NS', QNAME, Type.NS, rdata(Type.NS, 'ns.example.org.'), 2 + 10 + 5],
    ['MX', QNAME, Type.MX, rdata(Type.MX, '1 www.example.org.'), 2 + 10 + 4],
    ['PTR', QNAME, Type.PTR, rdata(Type.PTR, 'www.example.org.'), 2 + 10 + 2],
    ['SOA', QNAME, Type.SOA, rdata(Type.SOA, 'a.example.org. b.a.example.org. 1 2 3 4 5'), 2 + 10 + 4 + 4 + 20],
    ['RFC 2782: SRV is not', QNAME, Type.SRV, rdata(Type.SRV, '1 2 3 www.example.org.'), 2 + 10 + 6 + 17],
    ['RFC 6672 §2.5: DNAME is not', QNAME, Type.DNAME, rdata(Type.DNAME, 'www.example.org.'), 2 + 10 + 17],
    ['RFC 3597 §4: an unknown type is not', QNAME, 65280, QNAME, 2 + 10 + 17],
  ]
  for (const [what, owner, type, data, octets] of cases) {
    response.begin(queryFor(), 4096)
    const before = response.finish()
    response.rrset(owner, 0, type, 1, 1, stored([data]), 0)
    t.equal(response.finish() - before, octets, what)
    const [record] = parseMessage(response.message().slice()).answer
    t.ok(record && equalNames(record.owner, owner))
    t.equal(printRdata(type, record!.rdata).toLowerCase(), printRdata(type, data).toLowerCase())
  }
})

const label = fc.constantFrom('a', 'b', 'A', 'c'.repeat(63), 'd')
const name = fc
  .array(label, { maxLength: 6 })
  .map(labels => parseName(labels.length === 0 ? '.' : `${labels.slice(0, 3).join('.')}.`))

const anyRecord = fc
  .tuple(name, name, name, fc.constantFrom('A', 'NS', 'CNAME', 'SOA', 'MX', 'SRV', 'TXT', 'DNAME'), fc.nat(2 ** 31 - 1))
  .map(([owner, first, second, kind, ttl]): ResourceRecord => {
    const rdata =
      kind === 'A'
        ? A(1)
        : kind === 'SOA'
          ? makeRdata('SOA', { mname: first, rname: second, serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 })
          : kind === 'MX'
            ? makeRdata('MX', { preference: 1, exchange: first })
            : kind === 'SRV'
              ? makeRdata('SRV', { priority: 1, weight: 2, port: 3, target: first })
              : kind === 'TXT'
                ? parseRdataText(Type.TXT, '"text"')
                : first
    return { owner, type: Type[kind], class: 1, ttl, rdata }
  })

t.test('what is written is read again, and is no longer than what writeMessage makes of it', async () => {
  fc.assert(
    fc.property(name, fc.array(anyRecord, { maxLength: 400 }), (qname, records) => {
      const query = queryFor(qname, 1232)
      response.begin(query)
      for (const { owner, type, ttl, rdata } of records) response.rrset(owner, 0, type, ttl, 1, stored([rdata]), 0)
      const message = finished(response)
      if (message.answer.length !== records.length) throw new Error('records are missing')
      message.answer.forEach((record, i) => {
        const wanted = records[i]!
        if (line(record) !== line(wanted)) throw new Error(`${line(record)} instead of ${line(wanted)}`)
      })
      const longest = writeMessage({ ...message, answer: records }).length
      // Past 256 names no more are pointed to.
      if (records.length < 60 && response.message().length > longest) throw new Error(`longer than ${longest}`)
    }),
    { numRuns: 300 },
  )
})

function line({ owner, type, ttl, rdata }: ResourceRecord): string {
  return `${printName(owner)} ${ttl} ${type} ${printRdata(type, rdata)}`.toLowerCase()
}

t.test(
  'the names of an SOA whose owner is a tail of the question end in a pointer to it where they are below it',
  async t => {
    const numbers = [1, 0, 0, 0, 2].flatMap(n => [0, 0, 0, n])
    const rows: [mname: string, rname: string, octets: number][] = [
      ['ns.example.org.', 'hostmaster.example.org.', 3 + 2 + 11 + 2],
      ['NS.EXAMPLE.ORG.', 'example.org.', 3 + 2 + 2],
      ['ns.other.org.', 'a.b.example.org.', 9 + 2 + 4 + 2],
      // One whose last octets, but not whose last labels, are the owner's.
      ['xexample.org.', 'org.', 9 + 2 + 2],
      ['.', 'ns.other.test.', 1 + 15],
    ]
    for (const [mname, rname, octets] of rows) {
      const rdata = Uint8Array.from([...parseName(mname), ...parseName(rname), ...numbers])
      const query = queryFor()
      response.begin(query, 512)
      response.open(Section.AUTHORITY)
      t.ok(response.rrset(query.buf, query.nameAt + 4, Type.SOA, 60, 1, stored([rdata]), 0))
      const length = response.finish()
      t.equal(length, 12 + QNAME.length + 4 + 2 + 10 + octets + 20, `${mname} ${rname}`)
      const [soa] = finished(response).authority
      t.equal(printName(soa!.owner), 'Example.org.')
      const [m, r] = printRdata(Type.SOA, soa!.rdata).split(' ')
      t.same([m!.toLowerCase(), r!.toLowerCase()], [mname.toLowerCase(), rname.toLowerCase()])
    }
  },
)
