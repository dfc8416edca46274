import t from 'tap'
import { Ede, Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import type { StubRule } from '../../../resolver/resolver.ts'
import type { Delegation } from '../../../resolver/routes/delegation.ts'
import { record } from '../world.ts'
import { type Authority, exchanged, serveAuthority, stripped, withoutKeys } from './authority.ts'
import { Tree } from './tree.ts'
import { createSignedWorld, type SignedOptions, type SignedWorld, trustIn } from './world.ts'
import type { ZoneSpec } from './zone.ts'

/** What the world knows. */
const WORLD: ZoneSpec[] = [
  { apex: '.' },
  { apex: 'lab.' },
  { apex: 'corp.lab.', records: ['www.corp.lab. A 192.0.2.80', '*.wild.corp.lab. TXT "wild"'] },
  {
    apex: 'deep.corp.lab.',
    nsec3: { iterations: 0, salt: new Uint8Array() },
    records: ['www.deep.corp.lab. A 192.0.2.81'],
  },
  { apex: 'open.corp.lab.', signed: false, records: ['www.open.corp.lab. A 192.0.2.82'] },
  { apex: 'plain.lab.', signed: false, records: ['www.plain.lab. A 192.0.2.83'] },
]
/** What it does not: zones of home, one of them signed. */
const HOME: ZoneSpec[] = [
  { apex: '.' },
  { apex: 'home.', signed: false, records: ['www.home. A 192.0.2.90'] },
  { apex: 'signed.home.', records: ['www.signed.home. A 192.0.2.91'] },
]
const FIRST = '192.0.2.10'
const SECOND = '192.0.2.11'
const BELOW = '192.0.2.12'
const CORP = ['corp.lab.', 'open.corp.lab.']

interface Setting extends Omit<SignedOptions, 'stubs'> {
  /** Zone → addresses. */
  stubs?: Record<string, string[]>
  dnssec?: StubRule['dnssec']
  /** What one of the servers of corp.lab does to its answers. */
  tampers?: Record<string, Authority['tamper']>
}

interface StubWorld extends SignedWorld {
  /** What the servers of corp.lab were asked. */
  told: string[]
}

function build({ stubs = { 'corp.lab.': [FIRST] }, dnssec, tampers = {}, ...options }: Setting = {}): StubWorld {
  const rules = Object.entries(stubs).map(([zone, to]) => ({
    ...{ zone: parseName(zone), to: to.map(address => ({ address, port: 53 })) },
    ...(dnssec && { dnssec }),
  }))
  const world = createSignedWorld(WORLD, { ...options, stubs: rules })
  const { tree } = world
  const home = new Tree(HOME, Math.floor(world.clock.now() / 1000))
  const [told] = [FIRST, SECOND].map(at => {
    const tamper = tampers[at]
    return serveAuthority(world, at, {
      ...{ tree, zones: [...CORP, 'plain.lab.'], below: { 'deep.corp.lab.': BELOW } },
      ...(tamper && { tamper }),
    })
  })
  serveAuthority(world, BELOW, { tree, zones: ['deep.corp.lab.'] })
  serveAuthority(world, '192.0.2.20', { tree: home, zones: ['home.', 'signed.home.'] })
  return { ...world, told: told! }
}

t.test('RFC 4035 §5: what the servers of a stub zone say is validated from the root down', async t => {
  const world = build()
  t.match(await world.ask('www.corp.lab.'), {
    rcode: Rcode.NOERROR,
    answer: ['www.corp.lab. 300 IN A 192.0.2.80'],
    ad: true,
    security: { status: 'secure' },
  })
  t.same(
    world.told,
    ['www.corp.lab. A DO', 'corp.lab. DNSKEY DO'],
    'its keys are asked of it, with DO and without RD; its DS of the zone above',
  )
  const rows: [sentence: string, name: string, type: string, rcode: number, status: string][] = [
    ['a name that is not there', 'nothing.corp.lab.', 'A', Rcode.NXDOMAIN, 'secure'],
    ['a type that is not there', 'www.corp.lab.', 'MX', Rcode.NOERROR, 'secure'],
    ['a wildcard', 'a.wild.corp.lab.', 'TXT', Rcode.NOERROR, 'secure'],
    ['a signed zone below, served elsewhere', 'www.deep.corp.lab.', 'A', Rcode.NOERROR, 'secure'],
    ['a name that this one denies by NSEC3', 'nothing.deep.corp.lab.', 'A', Rcode.NXDOMAIN, 'secure'],
    ['an unsigned zone below', 'www.open.corp.lab.', 'A', Rcode.NOERROR, 'insecure'],
  ]
  for (const [sentence, name, type, rcode, status] of rows)
    t.match(await world.ask(name, type), { rcode, ad: status === 'secure', security: { status } }, sentence)
  t.ok(world.told.includes('deep.corp.lab. DS DO'), 'RFC 4035 §2.4: the DS of a cut is asked above it')
  t.notOk(
    world.asked.some(one => one.includes('deep')),
    'not of the world',
  )
})

const FORGERIES: [sentence: string, ede: number, tamper: Authority['tamper']][] = [
  ['an address is exchanged', Ede.DNSSEC_BOGUS, exchanged],
  ['the signatures are left out', Ede.RRSIGS_MISSING, stripped],
  ['the keys are left out', Ede.DNSKEY_MISSING, withoutKeys],
]
for (const [sentence, ede, tamper] of FORGERIES)
  t.test(`${sentence}: SERVFAIL with EDE ${ede}, unless another server says better`, async t => {
    const forged = build({ tampers: { [FIRST]: tamper } })
    t.match(await forged.ask('www.corp.lab.'), { rcode: Rcode.SERVFAIL, answer: [], ede })
    t.match(
      await forged.ask('www.corp.lab.', 'A', { checkingDisabled: true }),
      { rcode: Rcode.NOERROR, ad: false },
      'RFC 4035 §3.2.2: CD passes it on',
    )
    const mended = build({ stubs: { 'corp.lab.': [FIRST, SECOND] }, tampers: { [FIRST]: tamper } })
    t.match(await mended.ask('www.corp.lab.'), { answer: ['www.corp.lab. 300 IN A 192.0.2.80'], ad: true })
  })

t.test('a referral that was forged is forgotten with the answer that it led to', async t => {
  const world = build({ stubs: { 'corp.lab.': [FIRST, SECOND] } })
  const { tree } = world
  serveAuthority(world, FIRST, { tree, zones: CORP, below: { 'deep.corp.lab.': '192.0.2.66' } })
  serveAuthority(world, '192.0.2.66', { tree, zones: ['deep.corp.lab.'], tamper: exchanged })
  world.network.serve(`${FIRST}:53`, () => undefined)
  await world.ask('www.corp.lab.')
  serveAuthority(world, FIRST, { tree, zones: CORP, below: { 'deep.corp.lab.': '192.0.2.66' } })
  t.match(await world.ask('www.deep.corp.lab.'), { answer: ['www.deep.corp.lab. 300 IN A 192.0.2.81'], ad: true })
})

t.test('zones that the parent delegates unsigned, or knows nothing of, are insecure, with the reason', async t => {
  const home = { 'home.': ['192.0.2.20'], 'signed.home.': ['192.0.2.20'], 'plain.lab.': [FIRST] }
  const world = build({ stubs: home })
  t.match(await world.ask('www.plain.lab.'), {
    ...{ rcode: Rcode.NOERROR, ad: false },
    security: { status: 'insecure', reason: /lab\. proves that plain\.lab\. is not signed/ },
  })
  const reason = /proves that it has no delegation of home\./
  t.match(await world.ask('www.home.'), { rcode: Rcode.NOERROR, security: { status: 'insecure', reason } })
  t.match(await world.ask('nothing.home.'), { rcode: Rcode.NXDOMAIN, security: { status: 'insecure', reason } })
  t.match(await world.ask('www.signed.home.'), { rcode: Rcode.NOERROR, ad: false }, 'a signed one without a DS too')
})

t.test('an anchor of the zone itself does without the world', async t => {
  const tree = new Tree(WORLD, Math.floor(build().clock.now() / 1000))
  const anchors = [{ zone: parseName('corp.lab.'), type: Type.DS, rdata: tree.zone('corp.lab.').ds }]
  for (const [sentence, options] of [
    ['beside a rule that is not validated', { validate: [] }],
    ['beside no rule for the parent', { zone: 'elsewhere.' }],
  ] as const) {
    const setting = { ...options, tree, trust: { anchors, negative: [] } }
    t.match(await build(setting).ask('www.corp.lab.'), { ad: true, security: { status: 'secure' } }, sentence)
    const forged = build({ ...setting, tampers: { [FIRST]: exchanged } })
    t.match(await forged.ask('www.corp.lab.'), { rcode: Rcode.SERVFAIL, ede: Ede.DNSSEC_BOGUS }, sentence)
  }
})

const UNREACHED: [sentence: string, setting: Setting][] = [
  ['dnssec: off', { dnssec: 'off' }],
  ['the rule for the parent is not validated', { validate: [] }],
  ['no rule is for the parent', { zone: 'elsewhere.' }],
  ['there is no anchor above', { trust: { anchors: [], negative: [] } }],
]
for (const [sentence, setting] of UNREACHED)
  t.test(`${sentence}: believed as it is, and asked as ever`, async t => {
    const world = build({ ...setting, tampers: { [FIRST]: stripped } })
    t.match(await world.ask('www.corp.lab.'), { rcode: Rcode.NOERROR, ad: false, security: undefined })
    t.same(world.told, ['www.corp.lab. A'])
  })

t.test('RFC 7646: a negative anchor holds for stub zones', async t => {
  const world = build({ tampers: { [FIRST]: stripped } })
  const negative = [{ zone: parseName('corp.lab.'), until: world.clock.now() + 60_000 }]
  const exempt = build({ tree: world.tree, trust: trustIn(world.tree, { negative }), tampers: { [FIRST]: stripped } })
  t.match(await exempt.ask('www.corp.lab.'), { rcode: Rcode.NOERROR, security: { status: 'insecure' } })
  await exempt.clock.advance(400_000)
  t.match(await exempt.ask('www.corp.lab.'), { rcode: Rcode.SERVFAIL, ede: Ede.RRSIGS_MISSING })
})

t.test('names of home outlive the way to the world', async t => {
  const stubs = { 'home.': ['192.0.2.20'], 'corp.lab.': [FIRST] }
  const world = build({ stubs })
  await world.ask('www.home.')
  await world.ask('www.corp.lab.')
  world.network.serve('192.0.2.1:53', () => undefined)
  await world.clock.advance(7200_000)
  t.match(await world.ask('other.home.'), { rcode: Rcode.NXDOMAIN, security: { status: 'insecure' } })
  t.match(await world.ask('other.corp.lab.'), { rcode: Rcode.NXDOMAIN, ad: true }, 'the signatures hold')
  await world.clock.advance(4 * 86_400_000)
  t.match(await world.ask('third.home.'), { rcode: Rcode.SERVFAIL }, 'for three days')
})

t.test('delegations of our own zones are validated by the DS that these have for them', async t => {
  const delegation: Delegation = {
    cut: parseName('corp.lab.'),
    servers: [record('corp.lab. 300 NS ns.corp.lab.')],
    glue: [record(`ns.corp.lab. 300 A ${FIRST}`)],
  }
  const { tree } = build()
  const { ds } = tree.zone('corp.lab.')
  const other = tree.zone('lab.').ds
  const rows: [sentence: string, signers: Uint8Array[], tamper: Authority['tamper'], told: object][] = [
    ['its keys are those', [ds], undefined, { ad: true, security: { status: 'secure' } }],
    ['its keys are others', [other], undefined, { rcode: Rcode.SERVFAIL, ede: Ede.DNSKEY_MISSING }],
    ['the answer is forged', [ds], exchanged, { rcode: Rcode.SERVFAIL, ede: Ede.DNSSEC_BOGUS }],
    ['there is no DS', [], exchanged, { rcode: Rcode.NOERROR, ad: false, security: undefined }],
  ]
  for (const [sentence, signers, tamper, told] of rows) {
    const ownSigners = () => ({ ds: signers, seconds: 300 })
    const world = build({ tree, stubs: {}, validate: [], ownSigners, tampers: { [FIRST]: tamper } })
    t.match(await world.ask('www.corp.lab.', 'A', { delegation }), told, sentence)
    if (told && 'ad' in told && told.ad)
      t.match(await world.ask('www.deep.corp.lab.', 'A', { delegation }), told, `${sentence}: a zone below`)
  }
})

t.test('the DS of a stub zone comes from our own zone, where that is its parent', async t => {
  const { tree } = build()
  const ownSigners = () => ({ ds: [tree.zone('corp.lab.').ds], seconds: 300 })
  const world = build({ tree, validate: [], ownSigners })
  t.match(await world.ask('www.corp.lab.'), { ad: true, security: { status: 'secure' } })
  const none = build({ tree, ownSigners: () => ({ ds: [], seconds: 0 }) })
  t.match(await none.ask('www.corp.lab.'), { rcode: Rcode.NOERROR, ad: false }, 'whatever the world says')
})
