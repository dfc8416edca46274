import t from 'tap'
import { Ede, Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { BEST_PARAMETERS } from '../../../dns/nsec3.ts'
import { makeRdata, Type } from '../../../dns/types.ts'
import { createSignedWorld, type SignedOptions, type Tamper, trustIn } from './world.ts'
import type { ZoneSpec } from './zone.ts'

const { NOERROR, NXDOMAIN, SERVFAIL } = Rcode

/** Zones that lead into one another in all ways that validators have stumbled over. */
const SPECS: ZoneSpec[] = [
  { apex: '.' },
  {
    apex: 'sec.',
    records: [
      'www.sec. A 192.0.2.1',
      'multi.sec. A 192.0.2.1',
      'multi.sec. TXT "more"',
      'multi.sec. MX 10 www.sec.',
      'loop1.sec. CNAME loop2.sec.',
      'loop2.sec. CNAME loop1.sec.',
      'chain1.sec. CNAME chain2.sec.',
      'chain2.sec. CNAME www.hash.',
      'tonodata.sec. CNAME nodata.hash.',
      'tonothing.sec. CNAME nothing.hash.',
      'toopt.sec. CNAME www.unsigned.opt.',
      'tobogus.sec. CNAME www.bogus.',
      '*.any.sec. TXT "any"',
      '*.any.sec. A 192.0.2.2',
      '*.cn.sec. CNAME www.sec.',
      '*.cn2.sec. CNAME nothing.hash.',
      'a.alias.sec. CNAME www.sec.',
      'old.sec. DNAME hash.',
      'older.sec. DNAME old.sec.',
      'away.sec. DNAME unsigned.opt.',
    ],
  },
  {
    apex: 'hash.',
    nsec3: BEST_PARAMETERS,
    records: ['www.hash. A 192.0.2.3', 'nodata.hash. TXT "x"', '*.any.hash. TXT "any"', 'back.hash. CNAME www.sec.'],
  },
  {
    apex: 'opt.',
    nsec3: { ...BEST_PARAMETERS, optOut: true },
    records: ['www.opt. A 192.0.2.4', '*.wild.opt. TXT "w"'],
  },
  {
    apex: 'unsigned.opt.',
    signed: false,
    records: ['www.unsigned.opt. A 192.0.2.5', 'back.unsigned.opt. CNAME www.sec.'],
  },
  { apex: 'signed.opt.', records: ['www.signed.opt. A 192.0.2.6'] },
  { apex: 'far.away.opt.', signed: false, records: ['www.far.away.opt. A 192.0.2.7'] },
  { apex: 'bogus.', period: { inception: -7200, expiration: -3600 }, records: ['www.bogus. A 192.0.2.8'] },
  { apex: 'child.sec.', records: ['www.child.sec. A 192.0.2.9'] },
  { apex: 'grand.child.sec.', nsec3: BEST_PARAMETERS, records: ['www.grand.child.sec. A 192.0.2.10'] },
  { apex: 'insecure.sec.', signed: false, records: ['www.insecure.sec. A 192.0.2.11'] },
  { apex: 'island.insecure.sec.', records: ['www.island.insecure.sec. A 192.0.2.12'] },
]

const CASES: [sentence: string, name: string, type: string, rcode: number, status: string | undefined][] = [
  ['a chain of aliases over zones', 'chain1.sec.', 'A', NOERROR, 'secure'],
  ['the type CNAME itself', 'chain1.sec.', 'CNAME', NOERROR, 'secure'],
  ['an alias to no data', 'tonodata.sec.', 'A', NOERROR, 'secure'],
  ['an alias to no name', 'tonothing.sec.', 'A', NXDOMAIN, 'secure'],
  ['an alias into what Opt-Out leaves out', 'toopt.sec.', 'A', NOERROR, 'insecure'],
  ['an alias to what is bogus', 'tobogus.sec.', 'A', SERVFAIL, undefined],
  ['an alias from an unsigned zone to a signed one', 'back.unsigned.opt.', 'A', NOERROR, 'insecure'],
  ['aliases that go in circles', 'loop1.sec.', 'A', SERVFAIL, undefined],
  ['a wildcard alias', 'q.cn.sec.', 'A', NOERROR, 'secure'],
  ['a wildcard alias to no name', 'q.cn2.sec.', 'A', NXDOMAIN, 'secure'],
  ['all types of a name', 'multi.sec.', 'ANY', NOERROR, 'secure'],
  ['all types of a wildcard', 'q.any.sec.', 'ANY', NOERROR, 'secure'],
  ['a type that the wildcard has not', 'q.any.sec.', 'MX', NOERROR, 'secure'],
  ['a type that the hashed wildcard has not', 'q.any.hash.', 'MX', NOERROR, 'secure'],
  ['a DNAME', 'www.old.sec.', 'A', NOERROR, 'secure'],
  ['a DNAME to a DNAME', 'www.older.sec.', 'A', NOERROR, 'secure'],
  ['a DNAME to no name', 'nothing.old.sec.', 'A', NXDOMAIN, 'secure'],
  ['a DNAME to an unsigned zone', 'www.away.sec.', 'A', NOERROR, 'insecure'],
  ['the owner of a DNAME', 'old.sec.', 'A', NOERROR, 'secure'],
  ['DS of a name that is an alias', 'chain1.sec.', 'DS', NOERROR, 'secure'],
  ['DS of a name that is no cut', 'www.sec.', 'DS', NOERROR, 'secure'],
  ['DS of a name that is not there', 'nothing.sec.', 'DS', NXDOMAIN, 'secure'],
  ['DS of a secure zone', 'child.sec.', 'DS', NOERROR, 'secure'],
  ['DS of an insecure zone', 'insecure.sec.', 'DS', NOERROR, 'secure'],
  ['DS of an insecure zone in an Opt-Out range', 'unsigned.opt.', 'DS', NOERROR, 'insecure'],
  ['DS of the root', '.', 'DS', NOERROR, 'secure'],
  ['a grandchild', 'www.grand.child.sec.', 'A', NOERROR, 'secure'],
  ['no name in a grandchild', 'nothing.grand.child.sec.', 'A', NXDOMAIN, 'secure'],
  ['a child in an Opt-Out zone', 'www.signed.opt.', 'A', NOERROR, 'secure'],
  ['an unsigned zone below an empty name in an Opt-Out range', 'www.far.away.opt.', 'A', NOERROR, 'insecure'],
  ['that empty name', 'away.opt.', 'A', NOERROR, 'insecure'],
  ['data of an Opt-Out zone', 'www.opt.', 'A', NOERROR, 'secure'],
  ['no data of an Opt-Out zone', 'www.opt.', 'TXT', NOERROR, 'secure'],
  ['a wildcard in an Opt-Out range', 'q.wild.opt.', 'TXT', NOERROR, 'insecure'],
  ['an unsigned zone below a signed one', 'www.insecure.sec.', 'A', NOERROR, 'insecure'],
  ['an island below an unsigned zone', 'www.island.insecure.sec.', 'A', NOERROR, 'insecure'],
  ['keys of an island', 'island.insecure.sec.', 'DNSKEY', NOERROR, 'insecure'],
  ['name servers of a zone', 'child.sec.', 'NS', NOERROR, 'secure'],
  ['name servers of an unsigned zone', 'insecure.sec.', 'NS', NOERROR, 'insecure'],
  ['a zone whose signatures have expired', 'www.bogus.', 'A', SERVFAIL, undefined],
  ['no name in it', 'nothing.bogus.', 'A', SERVFAIL, undefined],
]

t.test('ways that validators have stumbled over', async t => {
  for (const [sentence, name, type, rcode, status] of CASES) {
    const world = createSignedWorld(SPECS)
    const told = await world.ask(name, type)
    t.same([told.rcode, told.security?.status], [rcode, status], `${sentence}: ${told.text ?? ''}`)
  }
})

t.test('all of them one after the other: what is learned of one zone does not spoil another', async t => {
  const world = createSignedWorld(SPECS)
  for (const [sentence, name, type, rcode, status] of [...CASES, ...CASES.toReversed()]) {
    const told = await world.ask(name, type)
    t.same([told.rcode, told.security?.status], [rcode, status], sentence)
  }
})

const VARIATIONS: [
  sentence: string,
  name: string,
  rcode: number,
  status: string | undefined,
  options: SignedOptions,
][] = [
  [
    'records that nobody asked for beside the answer',
    'www.sec.',
    NOERROR,
    'secure',
    {
      tamper: said => ({
        ...said,
        authority: [
          ...said.authority,
          { owner: parseName('sec.'), type: Type.NS, class: 1, ttl: 60, rdata: parseName('evil.example.') },
        ],
      }),
    },
  ],
  [
    'the denial with another zone’s NSEC among its own',
    'nothing.sec.',
    NXDOMAIN,
    'secure',
    {
      tamper: said => ({
        ...said,
        authority: [
          {
            owner: parseName('a.'),
            type: Type.NSEC,
            class: 1,
            ttl: 60,
            rdata: makeRdata('NSEC', { next: parseName('z.'), types: [1] }),
          },
          ...said.authority,
        ],
      }),
    },
  ],
  [
    'a DS that nobody signed',
    'www.insecure.sec.',
    SERVFAIL,
    undefined,
    {
      tamper: (said, query) =>
        query.question[0]!.type === Type.DS
          ? { ...said, authority: said.authority.filter(({ type }) => type !== Type.RRSIG) }
          : said,
    },
  ],
  [
    'an upstream that denies every DS',
    'www.child.sec.',
    SERVFAIL,
    undefined,
    {
      tamper: (said, query) =>
        query.question[0]!.type === Type.DS ? { rcode: NXDOMAIN, answer: [], authority: [] } : said,
    },
  ],
  [
    'an upstream that has no answer for DS',
    'www.insecure.sec.',
    SERVFAIL,
    undefined,
    { tamper: (said, query) => (query.question[0]!.type === Type.DS ? { ...said, rcode: SERVFAIL } : said) },
  ],
]

t.test('upstreams with habits of their own', async t => {
  for (const [sentence, name, rcode, status, options] of VARIATIONS) {
    const world = createSignedWorld(SPECS, options)
    const told = await world.ask(name)
    t.same([told.rcode, told.security?.status], [rcode, status], `${sentence}: ${told.text ?? ''}`)
  }
})

t.test('RFC 4035 §2.4: the DS of a zone is not judged by an anchor of that zone', async t => {
  const { tree } = createSignedWorld(SPECS)
  const anchor = { zone: parseName('insecure.sec.'), type: Type.DS, rdata: tree.zone('child.sec.').ds }
  const world = createSignedWorld(SPECS, {
    tree,
    trust: trustIn(tree, { anchors: [...trustIn(tree).anchors, anchor] }),
  })
  t.match(await world.ask('insecure.sec.', 'DS'), { rcode: NOERROR, ad: true })
  t.match(await world.ask('www.insecure.sec.'), { rcode: SERVFAIL, ede: Ede.DNSKEY_MISSING }, 'its data is')
})

t.test('an anchor of an algorithm that is not known makes its zone insecure', async t => {
  const { tree } = createSignedWorld(SPECS)
  const rdata = Uint8Array.from(tree.zone('.').ds, (octet, i) => (i === 2 ? 200 : octet))
  const world = createSignedWorld(SPECS, {
    tree,
    trust: { anchors: [{ zone: parseName('.'), type: Type.DS, rdata }], negative: [] },
  })
  t.match(await world.ask('www.sec.'), { rcode: NOERROR, ad: false, ede: Ede.UNSUPPORTED_DNSKEY_ALGORITHM })
})

t.test('a rule for one zone alone: its own upstream proves all from the root down', async t => {
  const { tree } = createSignedWorld(SPECS)
  const world = createSignedWorld(SPECS, { tree, zone: 'insecure.sec.' })
  t.match(await world.ask('www.insecure.sec.'), { rcode: NOERROR, security: { status: 'insecure' } })
  const child = createSignedWorld(SPECS, { tree, zone: 'child.sec.' })
  t.match(await child.ask('www.child.sec.'), { rcode: NOERROR, ad: true })
})

t.test('questions at the same time share what is found out about zones', async t => {
  const world = createSignedWorld(SPECS)
  const names = ['www.sec.', 'multi.sec.', 'chain1.sec.', 'www.child.sec.', 'nothing.sec.']
  const told = await world.clock.until(Promise.all(names.map(name => world.begin(name))))
  t.same(
    told.map(({ ad }) => ad),
    names.map(() => true),
  )
  t.equal(new Set(world.asked).size, world.asked.length, 'nothing is asked twice')
})

t.test('RFC 4035 §2.2: signatures that are asked for are not signed themselves', async t => {
  const { tree } = createSignedWorld(SPECS)
  const signatures = tree.answer(parseName('www.sec.'), Type.A).answer.filter(({ type }) => type === Type.RRSIG)
  const tamper: Tamper = (said, query) =>
    query.question[0]!.type === Type.RRSIG ? { ...said, answer: signatures } : said
  const told = await createSignedWorld(SPECS, { tree, tamper }).ask('www.sec.', 'RRSIG')
  t.match(told, { rcode: NOERROR, ad: false, answer: [/RRSIG/], security: { status: 'insecure' } })
})
