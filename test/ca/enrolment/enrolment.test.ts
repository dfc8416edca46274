import t, { type Test } from 'tap'
import type { Authority } from '../../../ca/authority.ts'
import { enrolmentCommands } from '../../../ca/enrolment/commands.ts'
import { enrol, renew } from '../../../ca/enrolment/enrol.ts'
import { accountOf, createEnrolments } from '../../../ca/enrolment/enrolments.ts'
import { makeKey, signerOf } from '../../../ca/hierarchy/keystore.ts'
import { CA_MIGRATIONS, createCaStore } from '../../../ca/store/store.ts'
import type { IssueRule } from '../../../config/ca-schema.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { DAY, dns, openFixture, profile } from '../fixture.ts'
import { caConfig } from '../world.ts'

const HERE = '192.0.2.1'
/** Rules as a config has them. */
const rules = (text: string): IssueRule[] => caConfig(`  issuers: { acme: { issue: [${text}] } }\n`).issuers[0]!.issue!

/** A CA with its door for secrets. */
async function open(t: Test, allowed = '{ names: ["**.example.test"], wildcards: true }') {
  const database = openMemoryDatabase(CA_MIGRATIONS)
  t.teardown(() => database.close())
  const store = createCaStore(database)
  const clock = createSimulatedClock()
  const fixture = await openFixture({ clock, memory: { store } as never })
  t.teardown(() => fixture.hierarchy.close())
  const state = { rules: rules(allowed) }
  const authority: Authority = { ...fixture, profiles: () => [profile], policy: () => ({ rules: state.rules }) }
  const deps = { ...fixture, clock, store, issuer: 'acme', authority }
  const commands = enrolmentCommands({
    ...deps,
    config: () => caConfig(),
    issuers: () => [{ name: 'acme', profiles: () => [profile] }],
  })
  const enrolments = createEnrolments(store, fixture.clock)
  const run = (command: string, args: object = {}) =>
    commands[`ca.enrolment.${command}`]!(args as Record<string, unknown>) as Promise<Record<string, string>>
  const create = async (args: object = {}) =>
    (await run('create', { name: 'routers', names: ['**.net.example.test'], ...args }))['secret']!
  const first = async (secret: string, ...names: string[]) =>
    enrol(deps, await enrolments.open(secret, HERE), await requestFor(...names), { way: 'test' })
  return { ...deps, state, run, create, enrolments, first }
}

async function requestFor(...names: string[]) {
  const { pem } = await makeKey('ecdsa-p256')
  return { publicKey: signerOf(pem, 'the test').publicKey, identifiers: dns(...names) }
}

t.test('a secret is for the names that it covers, as often as it says', async t => {
  const { create, first, run, store } = await open(t)
  const secret = await create()
  t.match(secret, /^[a-z2-7]{32}$/)
  const { record } = await first(secret, 'r1.net.example.test')
  t.match(await run('list'), [{ name: 'routers', names: ['**.net.example.test'], uses: 1, used: 1 }])
  const [line] = (await store.recordRows(0, 100)).filter(({ serial }) => serial === record.serial)
  t.match(JSON.parse(line!.entry!), {
    kind: 'issued',
    by: 'routers',
    way: 'test',
    account: `enrolment:${secret.slice(0, 8)}`,
  })
  await t.rejects(first(secret, 'r2.net.example.test'), {
    code: 'secret',
    message: 'the enrolment secret is used up',
  } as never)
  const many = await create({ uses: 0 })
  for (const name of ['a.net.example.test', 'b.net.example.test']) await first(many, name)
  await t.rejects(first(many, 'www.example.test'), { code: 'refused', message: /does not cover/ } as never)
})

t.test('of two who use a secret for one at once, one gets a certificate', async t => {
  const { create, first, store } = await open(t)
  const secret = await create()
  const both = await Promise.allSettled([first(secret, 'r1.net.example.test'), first(secret, 'r2.net.example.test')])
  t.same(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  t.equal((await store.certificates({ limit: 10, account: `enrolment:${secret.slice(0, 8)}` })).length, 1)
})

t.test('the same request gets the same certificate, where the answer was lost', async t => {
  const world = await open(t)
  const secret = await world.create()
  const request = await requestFor('r1.net.example.test')
  const ask = async () => enrol(world, await world.enrolments.open(secret, HERE), request, { way: 'test' })
  const { record } = await ask()
  t.equal((await ask()).record.serial, record.serial)
  await t.rejects(
    enrol(
      world,
      await world.enrolments.open(secret, HERE),
      { ...request, identifiers: dns('r2.net.example.test') },
      { way: 'test' },
    ),
    { code: 'secret' } as never,
  )
})

t.test('the issue rules decide as well: nothing is allowed unless one says so', async t => {
  const rows: [string, string, boolean][] = [
    ['a rule for everybody', '{ names: ["**.example.test"] }', true],
    ['no rule for the name', '{ names: ["**.example.org"] }', false],
    ['a rule for who bears the name of the secret', '{ names: ["**.example.test"], key: routers }', true],
    ['a rule for others', '{ names: ["**.example.test"], key: printers }', false],
    ['a rule for writers in DNS, which it is not', '{ names: ["**.example.test"], writers: true }', false],
  ]
  for (const [what, rule, allowed] of rows) {
    const { create, first, store } = await open(t, rule)
    const asked = first(await create(), 'r1.net.example.test')
    if (allowed) t.ok(await asked, what)
    else {
      await t.rejects(asked, { code: 'refused' } as never, what)
      t.match(JSON.parse((await store.recordRows(0, 100)).at(-1)!.entry!), {
        kind: 'refused',
        names: [{ value: 'r1.net.example.test' }],
      })
    }
  }
})

t.test('a name that a person must approve waits, and is had once it is approved', async t => {
  const { create, first, store, clock } = await open(t, '{ names: ["**.example.test"], approval: true }')
  const secret = await create()
  await t.rejects(first(secret, 'r1.net.example.test'), { code: 'waiting', message: /request \w+ waits/ } as never)
  const [asked] = await store.approvals(true, 10)
  t.match(asked, { account: `enrolment:${secret.slice(0, 8)}`, identifier: 'dns:r1.net.example.test' })
  await store.decide(asked!.id, { status: 'approved', at: clock.now(), until: clock.now() + DAY })
  t.ok(await first(secret, 'r1.net.example.test'))
})

t.test('a secret that is wrong, over or revoked opens nothing', async t => {
  const { create, enrolments, run, clock } = await open(t)
  const refused = { code: 'secret' } as never
  const secret = await create({ validity: '1d' })
  t.equal((await enrolments.open(secret, HERE)).name, 'routers')
  for (const wrong of [
    undefined,
    '',
    'x'.repeat(5000),
    `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`,
    secret.toUpperCase(),
  ])
    await t.rejects(enrolments.open(wrong, HERE), refused, String(wrong).slice(0, 40))
  await clock.advance(DAY)
  await t.rejects(enrolments.open(secret, HERE), refused, 'its time is over')
  const other = await create({ validity: '0s' })
  t.equal((await enrolments.behind(accountOf({ id: other.slice(0, 8) })))?.name, 'routers')
  t.same(await run('revoke', { id: other.slice(0, 8) }), { id: other.slice(0, 8) })
  await t.rejects(enrolments.open(other, HERE), refused, 'it was revoked')
  t.equal(await enrolments.behind(accountOf({ id: other.slice(0, 8) })), undefined)
  t.equal(await enrolments.behind('somebody'), undefined)
  await t.rejects(run('revoke', { id: other.slice(0, 8) }), { exit: 1 } as never)
})

t.test('who sends many wrong secrets is put off, who has a right one is not', async t => {
  const { create, enrolments } = await open(t)
  const secret = await create()
  for (let i = 0; i < 20; i++) await t.rejects(enrolments.open('wrong', HERE), { code: 'secret' } as never)
  await t.rejects(enrolments.open('wrong', HERE), { code: 'busy' } as never)
  t.ok(await enrolments.open(secret, HERE))
})

t.test(
  'a certificate is renewed for its names, also when the secret is used up, but not once it is revoked',
  async t => {
    const world = await open(t)
    const secret = await world.create({ validity: '1d' })
    const { record } = await world.first(secret, 'r1.net.example.test')
    await world.clock.advance(60 * DAY)
    const behind = async () => (await world.enrolments.behind(record.account))!
    const next = async (...names: string[]) =>
      renew(world, await behind(), record, await requestFor(...names), { way: 'test' })
    const renewed = (await next('r1.net.example.test')).record
    t.ok(renewed.notAfter > record.notAfter)
    await t.rejects(next('r2.net.example.test'), { code: 'refused', message: /names of the former/ } as never)
    world.state.rules = []
    await t.rejects(next('r1.net.example.test'), { code: 'refused', message: /no issue rule/ } as never)
    await world.clock.advance(60 * DAY)
    await t.rejects(next('r1.net.example.test'), { code: 'refused', message: /not valid any more/ } as never)
  },
)

t.test('what a secret may not be made of is said', async t => {
  const { run } = await open(t)
  const rows: [string, object][] = [
    ['nothing that it is for', { name: 'x' }],
    ['a pattern that is none', { name: 'x', names: ['**.**.a'] }],
    ['a block that is none', { name: 'x', addresses: ['10.0.0.1/8'] }],
    ['no name', { names: ['a.example'] }],
    ['a number of uses that is none', { name: 'x', names: ['a.example'], uses: '-1' }],
    ['a duration that is none', { name: 'x', names: ['a.example'], validity: 'soon' }],
    ['an issuer that is none', { name: 'x', names: ['a.example'], issuer: 'none' }],
    ['a profile that is none', { name: 'x', names: ['a.example'], profile: 'none' }],
    ['patterns that are no list', { name: 'x', names: 'a.example' }],
  ]
  for (const [what, args] of rows) await t.rejects(run('create', args), { exit: 2 } as never, what)
})
