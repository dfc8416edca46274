import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { NS, SOA, updated, zoneLines } from '../../zones/lines.ts'

interface Case {
  zone: string[]
  updates: string[]
  /** The zone afterwards, SOA apart; left out: as before. */
  after?: string[]
  apex?: string[]
  serial?: number
  ignored?: RegExp
}

const A1 = 'www 300 IN A 192.0.2.1'
const A2 = 'www 300 IN A 192.0.2.2'
const soa = (serial: number) => SOA.replace(' 10 ', ` ${serial} `)

const cases: Record<string, Case> = {
  '§3.4.2.2 a record is added to a new name': { zone: [], updates: [A1], after: [A1], serial: 11 },
  '§3.4.2.2 a record is added to an RRset': { zone: [A1], updates: [A2], after: [A1, A2], serial: 11 },
  '§3.4.2.2 a duplicate changes nothing': { zone: [A1], updates: [A1], serial: 10 },
  'RFC 4343: a duplicate whose data is spelled otherwise changes nothing': {
    zone: ['www 300 IN MX 10 Mail', 'old 300 IN CNAME Other'],
    updates: ['www 300 IN MX 10 mail', 'old 300 IN CNAME other'],
    serial: 10,
  },
  '§3.4.2.2 a duplicate in other case changes nothing': { zone: [A1], updates: ['WWW 300 IN A 192.0.2.1'], serial: 10 },
  'RFC 2181 §5.2: the TTL of a record added becomes the whole RRset’s': {
    zone: [A1],
    updates: ['www 60 IN A 192.0.2.2'],
    after: ['www 60 IN A 192.0.2.1', 'www 60 IN A 192.0.2.2'],
    serial: 11,
  },
  'RFC 2181 §5.2: the TTL of a record replaced becomes the whole RRset’s': {
    zone: [A1, A2],
    updates: ['www 0 IN A 192.0.2.2'],
    after: ['www 0 IN A 192.0.2.1', 'www 0 IN A 192.0.2.2'],
    serial: 11,
  },
  '§3.4.2.2 a CNAME is ignored where other records are': {
    zone: [A1],
    updates: ['www 300 IN CNAME other'],
    serial: 10,
    ignored: /^add www\.a\.example\. 300 IN CNAME other\.a\.example\.: .* type A, beside which no CNAME can be$/,
  },
  '§3.4.2.2 other records are ignored where a CNAME is': {
    zone: ['www 300 IN CNAME other'],
    updates: [A1],
    serial: 10,
    ignored: /has a CNAME, beside which nothing else can be/,
  },
  '§3.4.2.2 a CNAME takes the place of a CNAME': {
    zone: ['www 300 IN CNAME other'],
    updates: ['www 60 IN CNAME third'],
    after: ['www 60 IN CNAME third'],
    serial: 11,
  },
  '§3.4.2 a CNAME added before the A is deleted is ignored, and nothing is left': {
    zone: [A1],
    updates: ['www 300 IN CNAME other', 'www 0 NONE A 192.0.2.1'],
    after: [],
    serial: 11,
    ignored: /no CNAME can be/,
  },
  '§3.4.2 updates are done in order: a CNAME may follow the deletion of the A': {
    zone: [A1],
    updates: ['www 0 NONE A 192.0.2.1', 'www 300 IN CNAME other'],
    after: ['www 300 IN CNAME other'],
    serial: 11,
  },
  'RFC 4035 §2.5: a CNAME may stand beside the RRSIG and NSEC of signing': {
    zone: ['www 300 IN NSEC b A RRSIG NSEC'],
    updates: ['www 300 IN CNAME other'],
    after: ['www 300 IN NSEC b A RRSIG NSEC', 'www 300 IN CNAME other'],
    serial: 11,
  },
  'RFC 6672 §5.2: a DNAME is ignored where a CNAME is': {
    zone: ['old 300 IN CNAME other'],
    updates: ['old 300 IN DNAME new'],
    serial: 10,
    ignored: /has a CNAME/,
  },
  'RFC 6672 §5.2: a CNAME is ignored where a DNAME is': {
    zone: ['old 300 IN DNAME new'],
    updates: ['old 300 IN CNAME other'],
    serial: 10,
    ignored: /type DNAME/,
  },
  'RFC 6672 §5.2: a DNAME takes the place of a DNAME': {
    zone: ['old 300 IN DNAME new'],
    updates: ['old 300 IN DNAME newer'],
    after: ['old 300 IN DNAME newer'],
    serial: 11,
  },
  '§3.4.2.2 an SOA whose serial is lower is ignored': {
    zone: [],
    updates: [`${soa(9)}`],
    serial: 10,
    ignored: /its serial 9 is not greater than 10/,
  },
  '§3.4.2.2 an SOA whose serial is equal is ignored': {
    zone: [],
    updates: ['@ 300 IN SOA ns other 10 1 1 1 1'],
    serial: 10,
    ignored: /is not greater/,
  },
  '§3.4.2.2 an SOA that is not at the apex is ignored': {
    zone: [],
    updates: ['sub 300 IN SOA ns other 99 1 1 1 1'],
    serial: 10,
    ignored: /apex alone/,
  },
  '§3.4.2.2 an SOA with a greater serial is taken, and its serial kept (§3.6)': {
    zone: [],
    updates: [soa(4711), A1],
    after: [A1],
    serial: 4711,
  },
  'RFC 1982 §3.2: a serial 2^31-1 ahead is greater': {
    zone: [],
    updates: [soa(10 + 0x7fffffff)],
    serial: 10 + 0x7fffffff,
  },
  'RFC 1982 §3.2: of several SOAs, none goes round past the serial that is published': {
    zone: [],
    updates: [soa(2_000_000_000), soa(4_000_000_000)],
    serial: 2_000_000_000,
    ignored: /its serial 4000000000 is not greater than 10/,
  },
  'RFC 1982 §3.2: a serial 2^31 ahead is not': {
    zone: [],
    updates: [soa(10 + 0x80000000)],
    serial: 10,
    ignored: /is not greater/,
  },
  '§3.4.2.3 an RRset is deleted': {
    zone: [A1, A2, 'www 300 IN TXT "x"'],
    updates: ['www 0 ANY A'],
    after: ['www 300 IN TXT "x"'],
    serial: 11,
  },
  '§3.4.2.3 an RRset that does not exist is deleted in silence': {
    zone: [A1],
    updates: ['www 0 ANY MX', 'nobody 0 ANY A'],
    serial: 10,
  },
  '§3.4.2.3 all RRsets of a name are deleted': {
    zone: [A1, 'www 300 IN TXT "x"', 'a.www 300 IN TXT "y"'],
    updates: ['www 0 ANY ANY'],
    after: ['a.www 300 IN TXT "y"'],
    serial: 11,
  },
  '§3.4.2.3 all RRsets of the apex are deleted but SOA and NS': {
    zone: ['@ 300 IN TXT "x"', '@ 300 IN MX 10 ns'],
    updates: ['@ 0 ANY ANY'],
    after: [],
    serial: 11,
  },
  '§3.4.2.3 the SOA RRset is not deleted': {
    zone: [],
    updates: ['@ 0 ANY SOA'],
    serial: 10,
    ignored: /SOA RRset can't be deleted/,
  },
  '§3.4.2.3 the apex NS RRset is not deleted': {
    zone: [],
    updates: ['@ 0 ANY NS'],
    serial: 10,
    ignored: /NS RRset can't be deleted/,
  },
  '§3.4.2.3 the NS RRset of a delegation is': {
    zone: ['sub 300 IN NS ns.sub'],
    updates: ['sub 0 ANY NS'],
    after: [],
    serial: 11,
  },
  '§3.4.2.4 one RR is deleted, whatever its TTL': {
    zone: [A1, A2],
    updates: ['www 0 NONE A 192.0.2.1'],
    after: [A2],
    serial: 11,
  },
  '§3.4.2.4 an RR that does not exist is deleted in silence': {
    zone: [A1],
    updates: ['www 0 NONE A 192.0.2.9', 'nobody 0 NONE A 192.0.2.9'],
    serial: 10,
  },
  '§3.4.2.4 names in RDATA are compared ignoring case': {
    zone: ['www 300 IN MX 10 Mail'],
    updates: ['WWW 0 NONE MX 10 mail'],
    after: [],
    serial: 11,
  },
  '§3.4.2.4 the SOA is not deleted': {
    zone: [],
    updates: [SOA.replace('300 IN', '0 NONE')],
    serial: 10,
    ignored: /SOA can't be deleted/,
  },
  '§3.4.2.4 the last NS of the apex is not deleted': {
    zone: [],
    updates: ['@ 0 NONE NS ns'],
    serial: 10,
    ignored: /last NS/,
  },
  '§3.4.2.4 one of several NS of the apex is': {
    zone: ['@ 300 IN NS ns2'],
    updates: ['@ 0 NONE NS ns'],
    after: [],
    apex: ['@ 300 IN NS ns2'],
    serial: 11,
  },
  '§3.4.2.4 of all NS of the apex, one stays': {
    zone: ['@ 300 IN NS ns2'],
    updates: ['@ 0 NONE NS ns', '@ 0 NONE NS ns2'],
    after: [],
    apex: ['@ 300 IN NS ns2'],
    serial: 11,
    ignored: /last NS/,
  },
  '§3.4.2.4 the last NS of a delegation is deleted': {
    zone: ['sub 300 IN NS ns.sub'],
    updates: ['sub 0 NONE NS ns.sub'],
    after: [],
    serial: 11,
  },
  '§3.6 what comes to the same does not raise the serial': {
    zone: [A1],
    updates: ['www 0 ANY A', A1, A2, 'www 0 NONE A 192.0.2.2'],
    serial: 10,
  },
}

for (const [rule, { zone, updates, after, apex, serial, ignored }] of Object.entries(cases))
  t.test(rule.startsWith('RFC') ? rule : `RFC 2136 ${rule}`, async t => {
    const result = updated(zone, updates)
    t.equal(result.rcode, Rcode.NOERROR)
    t.same(result.zone, zoneLines(serial ?? 10, after ?? zone, apex ?? [NS]))
    if (ignored) t.match(result.ignored[0], ignored)
    else t.same(result.ignored, [])
  })

t.test('what no server could answer from is REFUSED whole', async t => {
  const unservable: Record<string, [zone: string[], updates: string[]]> = {
    'RFC 6672 §2.3: a DNAME at a delegation': [['sub 300 IN NS ns.sub'], ['sub 300 IN DNAME other']],
    'RFC 6672 §2.3: a delegation at a DNAME': [['sub 300 IN DNAME other'], ['sub 300 IN NS ns.sub']],
    'RFC 4592 §4.2: a delegation at a wildcard': [[], ['*.sub 300 IN NS ns']],
    'RFC 6672 §3.3: a DNAME at a wildcard': [[], ['*.sub 300 IN DNAME other']],
    'RFC 4035 §2.4: a DS at the apex': [[], [`@ 300 IN DS 1 13 2 ${'00'.repeat(32)}`]],
    'an RRset that fits no message': [
      [],
      Array.from({ length: 300 }, (_, i) => `big 60 IN TXT "${i}${'x'.repeat(240)}"`),
    ],
  }
  for (const [name, [zone, updates]] of Object.entries(unservable)) {
    const result = updated(zone, ['first 60 IN A 192.0.2.7', ...updates])
    t.match(result, { rcode: Rcode.REFUSED, serial: 10, zone: zoneLines(10, zone) }, name)
  }
  t.equal(
    updated([], ['@ 300 IN DNAME other.example.']).rcode,
    Rcode.NOERROR,
    'a DNAME at the apex, beside NS, is well',
  )
})

t.test('RFC 1982 §3.1, RFC 2136 §3.6: the serial goes on from 2^32-1 to 1, passing over 0', async t => {
  const result = updated([], [`@ 300 IN SOA ns hostmaster ${10 + 0x7fffffff} 1 1 1 1`])
  t.equal(result.serial, 10 + 0x7fffffff)
  const { serialAfter } = await import('../../../dns/serial.ts')
  t.equal(serialAfter(0xffffffff), 1)
})
