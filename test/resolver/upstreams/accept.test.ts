import t from 'tap'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { parseMessage } from '../../../dns/message.ts'
import { isSubdomain, parseName } from '../../../dns/name.ts'
import { printRecord, typeCode } from '../../../dns/types.ts'
import type { UpstreamQuestion } from '../../../resolver/question.ts'
import { accept } from '../../../resolver/upstreams/accept.ts'
import { type Reply, respond } from '../world.ts'

const SOA = 'example. 600 SOA ns.example. host.example. 1 3600 600 604800 60'
const SIGNED = '13 2 300 20300101000000 20250101000000 1 example. AAAA'
const NSEC = 'a.example. 300 NSEC c.example. A RRSIG NSEC'

/** What `accept` makes of a reply to a question for b.example, with all of `zone` in bailiwick. */
function accepted(reply: Reply, asked: Partial<UpstreamQuestion> = {}, zone = '.') {
  const question: UpstreamQuestion = {
    name: parseName('b.example.'),
    type: 1,
    class: 1,
    recursionDesired: true,
    dnssecOk: false,
    checkingDisabled: false,
    ...asked,
  }
  const query = {
    id: 1,
    flags: 0,
    opcode: 0,
    rcode: 0,
    question: [question],
    answer: [],
    authority: [],
    additional: [],
  }
  const told = accept(parseMessage(respond(query, reply)), question, owner => isSubdomain(owner, parseName(zone)))
  return {
    kind: told.kind,
    ...('answer' in told && { answer: told.answer.map(printRecord) }),
    ...('authority' in told && { authority: told.authority.map(printRecord) }),
  }
}

t.test('RFC 2181 §5: records that come twice are kept once, with the least TTL of their RRset', t => {
  t.same(
    accepted({ answer: ['b.example. 300 A 192.0.2.1', 'b.example. 100 A 192.0.2.2', 'b.example. 200 A 192.0.2.1'] }),
    {
      kind: 'answer',
      answer: ['b.example. 100 IN A 192.0.2.1', 'b.example. 100 IN A 192.0.2.2'],
      authority: [],
    },
  )
  t.end()
})

t.test('RFC 4035 §3.1: signatures and proofs are for who asked with DO', t => {
  const answer = ['b.example. 300 A 192.0.2.1', `b.example. 300 RRSIG A ${SIGNED}`]
  const authority = [
    NSEC,
    `a.example. 300 RRSIG NSEC ${SIGNED}`,
    'example. 300 NS ns.example.',
    `example. 300 RRSIG NS ${SIGNED}`,
  ]
  t.match(accepted({ answer, authority }), { kind: 'answer', answer: { length: 1 }, authority: [] })
  t.match(accepted({ answer, authority }, { dnssecOk: true }), {
    kind: 'answer',
    answer: { length: 2 },
    authority: { length: 2 },
  })
  const denial = { rcode: Rcode.NXDOMAIN, authority: [SOA, `example. 300 RRSIG SOA ${SIGNED}`, ...authority] }
  t.match(accepted(denial), { kind: 'negative', authority: { length: 1 } })
  t.match(accepted(denial, { dnssecOk: true }), { kind: 'negative', authority: { length: 4 } })
  t.end()
})

t.test('RFC 2308 §2: the forms that a denial takes', t => {
  const rows: [string, Reply, object][] = [
    [
      'NXDOMAIN with an SOA',
      { rcode: Rcode.NXDOMAIN, authority: [SOA] },
      { kind: 'negative', authority: [SOA.replace('600 SOA', '600 IN SOA')] },
    ],
    ['NODATA with an SOA', { authority: [SOA] }, { kind: 'negative', authority: { length: 1 } }],
    [
      'NODATA with an SOA and NS',
      { authority: ['example. 300 NS ns.example.', SOA] },
      { kind: 'negative', authority: { length: 1 } },
    ],
    ['NODATA without anything', {}, { kind: 'negative', authority: [] }],
    ['NXDOMAIN without an SOA', { rcode: Rcode.NXDOMAIN }, { kind: 'negative', authority: [] }],
    [
      'NXDOMAIN at the end of a chain',
      { rcode: Rcode.NXDOMAIN, answer: ['b.example. 60 CNAME x.example.'], authority: [SOA] },
      { kind: 'negative', answer: { length: 1 } },
    ],
    [
      'an SOA of a zone that does not hold the name',
      { authority: [SOA.replaceAll('example.', 'test.')] },
      { kind: 'negative', authority: [] },
    ],
    ['a referral', { flags: Flag.QR, authority: ['example. 300 NS ns.example.'] }, { kind: 'referral' }],
  ]
  for (const [sentence, reply, expected] of rows) t.match(accepted(reply), expected, sentence)
  t.end()
})

t.test('a chain is believed as far as the bailiwick goes', t => {
  const answer = ['b.example. 60 CNAME c.example.', 'c.example. 60 CNAME d.test.', 'd.test. 60 A 192.0.2.66']
  t.match(accepted({ answer }), { kind: 'answer', answer: { length: 3 } })
  t.match(accepted({ answer }, {}, 'example.'), { kind: 'chain', answer: { length: 2 } })
  t.match(accepted({ answer }, {}, 'test.'), { kind: 'unusable' })
  t.end()
})

t.test('the alias itself is the answer to who asks for it', t => {
  const answer = ['b.example. 60 CNAME c.example.', 'c.example. 60 A 192.0.2.1']
  t.match(accepted({ answer }, { type: typeCode('CNAME')! }), { kind: 'answer', answer: { length: 1 } })
  t.match(accepted({ answer }, { type: typeCode('ANY')! }), { kind: 'answer', answer: { length: 1 } })
  t.end()
})
