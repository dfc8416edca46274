import t from 'tap'
import { Ede, Rcode } from '../../../dns/codes.ts'
import { dsRdata } from '../../../dns/dnssec.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { BEST_PARAMETERS } from '../../../dns/nsec3.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { Type } from '../../../dns/types.ts'
import { createSignedWorld, type SignedWorld, type Tamper, trustIn } from './world.ts'
import type { TestZone, ZoneSpec } from './zone.ts'

const SPECS: ZoneSpec[] = [
  { apex: '.' },
  { apex: 'lab.', records: ['www.lab. A 192.0.2.1', '*.wild.lab. A 192.0.2.2', 'other.lab. A 192.0.2.3'] },
  { apex: 'hashed.', nsec3: BEST_PARAMETERS, records: ['www.hashed. A 192.0.2.1', '*.wild.hashed. A 192.0.2.2'] },
  { apex: 'open.', signed: false, records: ['www.open. A 192.0.2.9'] },
]

const asksFor =
  (name: string, type: number): ((query: Parameters<Tamper>[1]) => boolean) =>
  ({ question }) =>
    printName(question[0]!.name).toLowerCase() === name && question[0]!.type === type

const only = (keep: (record: ResourceRecord) => boolean) => (records: ResourceRecord[]) => records.filter(keep)
const isSigned = ({ type }: ResourceRecord) => type === Type.RRSIG

/** sentence, question, RCODE or EDE of what comes out, and what the upstream does */
const FORGERIES: [sentence: string, name: string, type: string, ede: number, tamper: Tamper][] = [
  [
    'an address is exchanged',
    'www.lab.',
    'A',
    Ede.DNSSEC_BOGUS,
    said => ({
      ...said,
      answer: said.answer.map(one => (one.type === Type.A ? { ...one, rdata: Uint8Array.of(203, 0, 113, 1) } : one)),
    }),
  ],
  [
    'an address is added',
    'www.lab.',
    'A',
    Ede.DNSSEC_BOGUS,
    said => ({
      ...said,
      answer: said.answer.flatMap(one =>
        one.type === Type.A ? [one, { ...one, rdata: Uint8Array.of(203, 0, 113, 1) }] : [one],
      ),
    }),
  ],
  [
    'the signature is left out',
    'www.lab.',
    'A',
    Ede.RRSIGS_MISSING,
    (said, query) =>
      asksFor('www.lab.', Type.A)(query) ? { ...said, answer: only(one => !isSigned(one))(said.answer) } : said,
  ],
  [
    'RFC 4035 §5.2: a secure delegation is passed off as insecure, without a proof',
    'www.lab.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => {
      const stripped = only(one => !isSigned(one))(said.answer)
      if (asksFor('www.lab.', Type.A)(query)) return { ...said, answer: stripped }
      return asksFor('lab.', Type.DS)(query) ? { rcode: 0, answer: [], authority: [] } : said
    },
  ],
  [
    'RFC 4035 §5.2: a secure delegation is passed off as insecure, with the proof of another',
    'www.lab.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => {
      if (asksFor('www.lab.', Type.A)(query)) return { ...said, answer: only(one => !isSigned(one))(said.answer) }
      return asksFor('lab.', Type.DS)(query) ? { ...said, ...world!.tree.answer(parseName('open.'), Type.DS) } : said
    },
  ],
  [
    'a name is denied with the proof of another',
    'www.lab.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => (asksFor('www.lab.', Type.A)(query) ? world!.tree.answer(parseName('zzz.lab.'), Type.A) : said),
  ],
  [
    'a name is denied with the proof of another, hashed',
    'www.hashed.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) =>
      asksFor('www.hashed.', Type.A)(query) ? world!.tree.answer(parseName('zzz.hashed.'), Type.A) : said,
  ],
  [
    'data is denied with the NSEC of another type',
    'www.lab.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => (asksFor('www.lab.', Type.A)(query) ? world!.tree.answer(parseName('www.lab.'), Type.TXT) : said),
  ],
  [
    'RFC 4035 §5.3.4: a wildcard stands for a name that exists',
    'other.lab.',
    'A',
    Ede.DNSSEC_BOGUS,
    (said, query) => (asksFor('other.lab.', Type.A)(query) ? expansion('a.wild.lab.', 'other.lab.') : said),
  ],
  [
    'RFC 4035 §5.3.4: a wildcard stands for a name without a proof that there is none closer',
    'b.wild.lab.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => (asksFor('b.wild.lab.', Type.A)(query) ? { ...said, authority: [] } : said),
  ],
  [
    'RFC 5155 §8.8: a wildcard stands for a name without a proof that there is none closer, hashed',
    'b.wild.hashed.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => (asksFor('b.wild.hashed.', Type.A)(query) ? { ...said, authority: [] } : said),
  ],
  [
    'the denial comes without its SOA',
    'nothing.lab.',
    'A',
    Ede.NSEC_MISSING,
    (said, query) => (asksFor('nothing.lab.', Type.A)(query) ? { ...said, authority: [] } : said),
  ],
  [
    'the proof comes without signatures',
    'nothing.lab.',
    'A',
    Ede.RRSIGS_MISSING,
    (said, query) =>
      asksFor('nothing.lab.', Type.A)(query)
        ? { ...said, authority: only(one => !isSigned(one))(said.authority) }
        : said,
  ],
  [
    'the keys of a zone are withheld',
    'www.lab.',
    'A',
    Ede.DNSKEY_MISSING,
    (said, query) => (asksFor('lab.', Type.DNSKEY)(query) ? { ...said, answer: [] } : said),
  ],
  [
    'the keys of a zone come without signatures',
    'www.lab.',
    'A',
    Ede.RRSIGS_MISSING,
    (said, query) =>
      asksFor('lab.', Type.DNSKEY)(query) ? { ...said, answer: only(one => !isSigned(one))(said.answer) } : said,
  ],
  [
    'the keys of the root come without signatures',
    'www.lab.',
    'A',
    Ede.RRSIGS_MISSING,
    (said, query) =>
      asksFor('.', Type.DNSKEY)(query) ? { ...said, answer: only(one => !isSigned(one))(said.answer) } : said,
  ],
  [
    'RFC 4034 §2.1.1: the key that is pointed at is no zone key',
    'www.nozonekey.',
    'A',
    Ede.NO_ZONE_KEY_BIT,
    said => said,
  ],
  ['a signature has expired', 'www.expired.', 'A', Ede.SIGNATURE_EXPIRED, said => said],
  ['a signature is not yet valid', 'www.early.', 'A', Ede.SIGNATURE_NOT_YET_VALID, said => said],
]

const BROKEN: ZoneSpec[] = [
  { apex: 'nozonekey.', flags: 1, records: ['www.nozonekey. A 192.0.2.1'] },
  { apex: 'expired.', period: { inception: -7200, expiration: -3600 }, records: ['www.expired. A 192.0.2.1'] },
  { apex: 'early.', period: { inception: 3600, expiration: 7200 }, records: ['www.early. A 192.0.2.1'] },
]

/** Of the case that runs. */
let world: SignedWorld | undefined

/** The expansion of a wildcard under another name. */
function expansion(from: string, to: string) {
  const said = world!.tree.answer(parseName(from), Type.A)
  return { ...said, answer: said.answer.map(one => ({ ...one, owner: parseName(to) })) }
}

t.test('what is forged or broken is SERVFAIL, and says why', async t => {
  for (const [sentence, name, type, ede, tamper] of FORGERIES) {
    world = createSignedWorld([...SPECS, ...BROKEN], { tamper })
    const told = await world.ask(name, type)
    t.match(
      { rcode: told.rcode, ede: told.ede, ad: told.ad },
      { rcode: Rcode.SERVFAIL, ede, ad: false },
      `${sentence}: ${told.text}`,
    )
    t.equal(told.answer.length, 0)
    t.equal(world.resolver.counters.bogus, 1)
  }
})

const spoils: Tamper = (said, query, at) =>
  at === '192.0.2.1' && asksFor('www.lab.', Type.A)(query)
    ? {
        ...said,
        answer: said.answer.map(one => (one.type === Type.A ? { ...one, rdata: Uint8Array.of(6, 6, 6, 6) } : one)),
      }
    : said

t.test('another upstream is asked before an answer is called bogus', async t => {
  const world = createSignedWorld(SPECS, { tamper: spoils, upstreams: 2 })
  const told = await world.ask('www.lab.')
  t.same([told.rcode, told.ad, told.answer], [Rcode.NOERROR, true, ['www.lab. 300 IN A 192.0.2.1']])
})

t.test('another upstream is asked for keys as well, past the cache', async t => {
  const tamper: Tamper = (said, query, at) =>
    at === '192.0.2.1' && query.question[0]!.type === Type.DNSKEY
      ? { ...said, answer: only(one => !isSigned(one))(said.answer) }
      : said
  const world = createSignedWorld(SPECS, { tamper, upstreams: 2 })
  const told = await world.ask('www.lab.')
  t.same([told.rcode, told.ad], [Rcode.NOERROR, true], told.text ?? '')
})

t.test('RFC 4035 §4.7: what is bogus is not asked for again at once, and never replaced with stale data', async t => {
  let broken = false
  const tamper: Tamper = (said, query, at) => (broken ? spoils(said, query, at) : said)
  const world = createSignedWorld(SPECS, { tamper })
  t.equal((await world.ask('www.lab.')).rcode, Rcode.NOERROR)
  await world.clock.advance(301_000)
  broken = true
  t.equal((await world.ask('www.lab.')).rcode, Rcode.SERVFAIL, 'there is stale data, which is not used')
  const before = world.asked.length
  t.equal((await world.ask('www.lab.')).rcode, Rcode.SERVFAIL)
  t.equal(world.asked.length, before, 'the failure is remembered')
  broken = false
  await world.clock.advance(60_000)
  t.equal((await world.ask('www.lab.')).rcode, Rcode.NOERROR, 'and forgotten')
})

t.test('RFC 4035 §3.2.2: with CD the answer comes as it is, without AD', async t => {
  const world = createSignedWorld(SPECS, { tamper: spoils })
  const told = await world.ask('www.lab.', 'A', { checkingDisabled: true })
  t.same([told.rcode, told.ad, told.answer], [Rcode.NOERROR, false, ['www.lab. 300 IN A 6.6.6.6']])
  t.equal((await world.ask('www.lab.')).rcode, Rcode.SERVFAIL, 'and is judged for everybody else')
  const raw = await world.ask('www.lab.', 'A', { checkingDisabled: true, dnssecOk: true })
  t.equal(raw.answer.length, 2, 'with its signatures')
})

t.test('RFC 4035 §3.2.1: signatures and proofs are for clients with DO', async t => {
  const world = createSignedWorld(SPECS)
  const plain = await world.ask('a.wild.lab.')
  t.same([plain.answer.length, plain.authority.length, plain.ad], [1, 0, true])
  const whole = await world.ask('a.wild.lab.', 'A', { dnssecOk: true })
  t.same([whole.answer.length, whole.authority.length, whole.from], [2, 2, 'cache'], 'validated once for both')
  const denied = await world.ask('nothing.lab.')
  t.match(denied.authority, [/SOA/], 'the SOA alone')
  const keys = await world.ask('lab.', 'DNSKEY')
  t.equal(keys.answer.length, 1)
  t.equal((await world.ask('www.lab.', 'NSEC')).answer.length, 1, 'unless they are asked for')
})

t.test('RFC 4035 §5.3.3: a TTL outlives neither the signature nor what was signed', async t => {
  const world = createSignedWorld(
    [
      { apex: '.' },
      { apex: 'short.', ttl: 7200, period: { inception: -3600, expiration: 100 }, records: ['www.short. A 192.0.2.1'] },
      { apex: 'lab.', records: ['www.lab. A 192.0.2.1'] },
    ],
    {
      tamper: said => ({
        ...said,
        answer: said.answer.map(one => ({ ...one, ttl: one.ttl === 300 ? 3000 : one.ttl })),
      }),
    },
  )
  t.match((await world.ask('www.short.')).answer, [/^www\.short\. 100 /])
  t.match((await world.ask('www.lab.')).answer, [/^www\.lab\. 300 /], 'the original TTL')
})

t.test('RFC 7646: a negative trust anchor takes a broken zone for unsigned until it ends', async t => {
  const specs = [...SPECS, ...BROKEN]
  const until = Date.UTC(2026, 0, 1) + 120_000
  const { tree } = createSignedWorld(specs)
  const world = createSignedWorld(specs, {
    trust: trustIn(tree, { negative: [{ zone: parseName('expired.'), until }] }),
  })
  const told = await world.ask('www.expired.')
  t.match(told, {
    rcode: Rcode.NOERROR,
    ad: false,
    security: { status: 'insecure', reason: /a negative trust anchor for expired\. stands until 2026/ },
  })
  t.match(told.answer, [/ 120 IN A/], 'kept no longer than that')
  await world.clock.advance(121_000)
  t.equal((await world.ask('www.expired.')).rcode, Rcode.SERVFAIL)
})

t.test('without a trust anchor above it an answer is passed on as indeterminate', async t => {
  const island = createSignedWorld(SPECS)
  const rdata = island.tree.zone('lab.').ds
  const world = createSignedWorld(SPECS, {
    trust: { anchors: [{ zone: parseName('elsewhere.'), type: Type.DS, rdata }], negative: [] },
  })
  t.match(await world.ask('www.lab.'), {
    rcode: Rcode.NOERROR,
    ad: false,
    security: { status: 'indeterminate', reason: 'no trust anchor is above it' },
  })
})

t.test('an anchor of a zone below is enough for what is in it, be it a DS or a DNSKEY', async t => {
  for (const type of [Type.DS, Type.DNSKEY] as const) {
    const world = createSignedWorld(SPECS)
    const zone = world.tree.zone('lab.')
    const anchored = { zone: parseName('lab.'), type, rdata: type === Type.DS ? zone.ds : zone.dnskey }
    const one = createSignedWorld(SPECS, { tree: world.tree, trust: { anchors: [anchored], negative: [] } })
    t.match(await one.ask('www.lab.'), { ad: true, security: { status: 'secure' } })
    t.match(await one.ask('www.open.'), { ad: false, security: { status: 'indeterminate' } })
  }
})

t.test('a forward rule without validation, and CNAMEs from one to the other', async t => {
  const specs: ZoneSpec[] = [
    { apex: '.' },
    { apex: 'lab.', records: ['abroad.lab. CNAME www.private.', 'www.lab. A 192.0.2.1'] },
  ]
  const world = createSignedWorld(specs, { more: { 'private.': '192.0.2.7' } })
  world.network.serve('192.0.2.7:53', (bytes, _via, reply) =>
    reply(world.plainReply(bytes, ['www.private. 300 A 10.0.0.1'])),
  )
  const told = await world.ask('abroad.lab.')
  t.match(told, { rcode: Rcode.NOERROR, ad: false, security: { status: 'secure' } })
  t.equal(told.answer.length, 2)
  t.match(await world.ask('www.private.'), { ad: false, security: undefined })
})

t.test('a DS is looked up where its parent is resolved', async t => {
  const world = createSignedWorld(SPECS)
  await world.ask('www.lab.')
  t.same(
    world.asked.filter(one => one.includes('48') || one.includes('43')).length,
    3,
    'the keys of two zones and one DS',
  )
})

t.test('RFC 8914 §4.2: a zone signed in a way that is not known is passed on, and says so', async t => {
  const world = createSignedWorld([{ apex: '.' }, { apex: 'new.', disguise: 200, records: ['www.new. A 192.0.2.1'] }])
  t.match(await world.ask('www.new.'), {
    rcode: Rcode.NOERROR,
    ad: false,
    ede: Ede.UNSUPPORTED_DNSKEY_ALGORITHM,
    security: { status: 'insecure' },
  })
})

t.test('RFC 9276 §3.2: many NSEC3 iterations', async t => {
  for (const [iterations, rcode, status] of [
    [50, Rcode.NXDOMAIN, 'secure'],
    [51, Rcode.NXDOMAIN, 'insecure'],
    [150, Rcode.NXDOMAIN, 'insecure'],
    [151, Rcode.SERVFAIL, undefined],
  ] as const) {
    const world = createSignedWorld([{ apex: '.' }, { apex: 'lab.', nsec3: { iterations, salt: new Uint8Array() } }])
    const told = await world.ask('nothing.lab.')
    t.equal(told.rcode, rcode, `${iterations} iterations`)
    t.equal(told.security?.status, status)
    t.equal(told.ede, iterations > 50 ? Ede.UNSUPPORTED_NSEC3_ITERATIONS : undefined)
  }
})

t.test('RFC 4509 §3: a DS with SHA-1 does not count beside one with SHA-256', async t => {
  const spoiled = (ds: Uint8Array) => Uint8Array.from(ds, (octet, i) => (i === ds.length - 1 ? octet ^ 1 : octet))
  const sha1 = (zone: TestZone) => dsRdata(zone.apex, zone.dnskey, 1)!
  const lab = { apex: 'lab.', records: ['www.lab. A 192.0.2.1'] }
  const alone = createSignedWorld([{ apex: '.' }, { ...lab, pointers: zone => [sha1(zone)] }])
  t.equal((await alone.ask('www.lab.')).ad, true, 'it does alone')
  const beside = createSignedWorld([{ apex: '.' }, { ...lab, pointers: zone => [sha1(zone), spoiled(zone.ds)] }])
  t.equal((await beside.ask('www.lab.')).ede, Ede.DNSKEY_MISSING)
})
