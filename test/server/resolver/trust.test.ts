import t from 'tap'
import type { Config } from '../../../config/schema.ts'
import { keyTag } from '../../../dns/dnssec.ts'
import { parseName, ROOT } from '../../../dns/name.ts'
import { printRdata, Type } from '../../../dns/types.ts'
import type { Log } from '../../../host/log.ts'
import { ROOT_ANCHORS } from '../../../resolver/validate/anchors.ts'
import type { RootProbe } from '../../../resolver/validate/probe.ts'
import { createTrustCommands } from '../../../server/control/trust-commands.ts'
import { probeRootOnce, TrustKeeper } from '../../../server/resolver/trust.ts'
import { load } from '../../config/sources.ts'
import { TestZone } from '../../resolver/validate/zone.ts'
import { createSimulatedClock, type SimulatedClock } from '../../simulation/clock.ts'

const DAY = 86_400_000
const START = Date.UTC(2026, 0, 1)

/** A keeper around which time, upstreams and disk are ours. */
async function createStage({ yaml = '', files = new Map<string, string>() } = {}) {
  const clock = createSimulatedClock(START)
  const stage = {
    clock,
    files,
    probes: [] as RootProbe[],
    changes: 0,
    logged: [] as string[],
    config: configOf(yaml),
    keeper: undefined as unknown as TrustKeeper,
  }
  const note = (_: object, message: string) => void stage.logged.push(message)
  const log: Log = { debug() {}, info() {}, warn: note, error: note, child: () => log }
  stage.keeper = await TrustKeeper.open({
    config: stage.config,
    clock,
    log,
    files: { read: async name => files.get(name), replace: async (name, text) => void files.set(name, text) },
    probe: async () => stage.probes,
    changed: () => void stage.changes++,
  })
  t.teardown(() => stage.keeper.close())
  return stage
}

function configOf(yaml: string): Config {
  const { config, errors } = load(`views: []
${yaml}`)
  if (!config) throw new Error(errors.map(({ message }) => message).join())
  return config
}

/** What an honest upstream says of the root's keys. */
function told(zone: TestZone, signed = true): RootProbe {
  const set = zone.find(ROOT, Type.DNSKEY)!
  const records = zone.signedRecords(set)
  return { upstream: '192.0.2.1:53', answer: signed ? records : records.filter(({ type }) => type !== Type.RRSIG) }
}

/** A root zone as its keys sign it at this moment. */
function rootAt(clock: SimulatedClock, like?: TestZone): TestZone {
  const zone = new TestZone(
    { apex: '.', period: { inception: -DAY / 1000, expiration: (15 * DAY) / 1000 } },
    clock.now() / 1000,
  )
  if (!like) return zone
  Object.assign(zone, { key: like.key, dnskey: like.dnskey })
  zone.find(ROOT, Type.DNSKEY)!.rdatas = [like.dnskey]
  return zone
}

const anchorLine = (zone: TestZone) => `trust_anchors: [". IN DS ${printRdata(Type.DS, zone.ds)}"]`

t.test('the built-in anchors of the root, others beside them, and one of the root instead', async t => {
  const plain = await createStage()
  t.same(plain.keeper.trust.anchors, ROOT_ANCHORS)
  const zone = new TestZone({ apex: 'lab.' }, START / 1000)
  const beside = await createStage({ yaml: `trust_anchors: ["lab. DS ${printRdata(Type.DS, zone.ds)}"]` })
  t.equal(beside.keeper.trust.anchors.length, 3)
  const instead = await createStage({ yaml: anchorLine(rootAt(plain.clock)) })
  t.equal(instead.keeper.trust.anchors.length, 1)
})

t.test(
  'RFC 5011: a new key of the root is trusted after thirty days, the old one no more once it is revoked',
  async t => {
    const first = rootAt(createSimulatedClock(START))
    const stage = await createStage({ yaml: anchorLine(first) })
    const { clock, keeper } = stage
    const second = rootAt(clock)
    const sign = () => {
      const zone = rootAt(clock, first)
      zone.find(ROOT, Type.DNSKEY)!.rdatas.push(second.dnskey)
      stage.probes = [told(zone)]
    }
    sign()
    await keeper.refresh()
    t.match(keeper.report().root_keys, [/ valid since 2026-01-01/, / pending since 2026-01-01/])
    t.equal(stage.changes, 0)
    for (let day = 0; day < 31; day++) {
      await clock.advance(DAY / 2)
      sign()
      await clock.advance(DAY / 2)
    }
    t.match(keeper.report().root_keys, [/ valid /, / valid since 2026-01-31/], 'asked again by itself')
    t.equal(stage.changes, 1, 'and the serving threads were told')
    t.equal(keeper.trust.anchors.length, 2)
    const revoked = rootAt(clock, first)
    const flagged = Uint8Array.from(first.dnskey, (octet, i) => (i === 1 ? octet | 0x80 : octet))
    const set = revoked.find(ROOT, Type.DNSKEY)!
    set.rdatas = [flagged, second.dnskey]
    const bySecond = rootAt(clock, second)
    Object.assign(revoked.key, { keyTag: keyTag(flagged) })
    const records = [
      ...revoked.signedRecords(set),
      ...bySecond.signedRecords(set).filter(({ type }) => type === Type.RRSIG),
    ]
    stage.probes = [{ upstream: '192.0.2.1:53', answer: records }]
    await keeper.refresh()
    t.match(keeper.report().root_keys, [/ revoked /, / valid /])
    t.same(
      keeper.trust.anchors.map(({ type }) => type),
      [Type.DNSKEY],
    )

    const again = await createStage({ yaml: anchorLine(first), files: stage.files })
    t.same(again.keeper.trust, keeper.trust, 'the same after a restart')
    const other = await createStage({ files: stage.files })
    t.same(other.keeper.trust.anchors, ROOT_ANCHORS, 'other anchors begin anew')
  },
)

t.test('keys that no anchor proves change nothing, and are reported', async t => {
  const stage = await createStage()
  stage.probes = [told(rootAt(stage.clock))]
  await stage.keeper.refresh()
  t.match(stage.keeper.report().problems, [/the root's keys are not proved by any trust anchor/])
  t.same(stage.keeper.trust.anchors, ROOT_ANCHORS)
})

t.test('an upstream that strips DNSSEC is told of once', async t => {
  const stage = await createStage()
  const zone = rootAt(stage.clock)
  stage.probes = [told(zone, false)]
  await stage.keeper.refresh()
  await stage.keeper.refresh()
  const problem = /upstream 192\.0\.2\.1:53 strips DNSSEC/
  t.match(stage.logged, [problem])
  t.equal(stage.logged.length, 1)
  t.match(stage.keeper.report().problems, [problem])
  stage.probes = [{ upstream: '192.0.2.1:53', answer: [] }]
  await stage.keeper.refresh()
  t.match(stage.keeper.report().problems, [/does not tell the root's keys/])
  stage.probes = []
  await stage.keeper.refresh()
  t.same(stage.keeper.report().problems, [])
})

t.test('the root is asked for soon again until an upstream has answered', async t => {
  let asked = 0
  const stage = await createStage()
  const zone = rootAt(stage.clock)
  const own = await createStage({ yaml: anchorLine(zone) })
  Object.defineProperty(own, 'probes', {
    get() {
      asked++
      return [{ upstream: 'x', failure: 'no answer' }]
    },
  })
  own.keeper.start()
  await own.clock.advance(0)
  t.equal(asked, 1)
  await own.clock.advance(61_000)
  t.equal(asked, 2)
  await own.clock.advance(125_000)
  t.equal(asked, 3)
})

t.test('an upstream of several views is asked once', async t => {
  const probe = { upstream: '192.0.2.1:53', failure: 'no answer' }
  const view = { resolver: { probeRoot: async () => [probe] } }
  t.same(await probeRootOnce([view, view]), [probe])
})

t.test('RFC 7646: negative anchors by configuration and by command', async t => {
  const yaml =
    'negative_trust_anchors: [{ name: a.example, until: 2026-01-02, why: they know }, { name: b.example, until: 2025-12-31 }]'
  const stage = await createStage({ yaml })
  const { clock, keeper } = stage
  t.same(keeper.listNegative(), [
    { zone: 'a.example.', until: '2026-01-02T00:00:00.000Z', why: 'they know', source: 'config' },
  ])
  const commands = createTrustCommands(keeper)
  const run = (name: string, args: Record<string, unknown>) => commands[name]!(args, undefined as never)
  t.match(await run('nta.add', { name: 'c.example', seconds: 600 }), {
    zone: 'c.example.',
    until: '2026-01-01T00:10:00.000Z',
    source: 'command',
  })
  t.equal(stage.changes, 1)
  t.same(
    keeper.trust.negative.map(({ zone }) => zone),
    [parseName('a.example.'), parseName('c.example.')],
  )
  const again = await createStage({ yaml, files: stage.files })
  t.equal(again.keeper.listNegative().length, 2, 'kept over a restart')
  await run('nta.add', { name: 'd.example' })
  t.same(await run('nta.remove', { name: 'd.example' }), { zone: 'd.example.' })
  await t.rejects(async () => run('nta.remove', { name: 'd.example' }), { message: /no command has made/ })
  await t.rejects(async () => run('nta.add', { name: 'd.example', seconds: 8 * 86_400 }), { message: /a week at most/ })
  await t.rejects(async () => run('nta.add', { name: 'a..b' }))
  await clock.advance(601_000)
  t.same((await run('nta.list', {})) as object[], [
    { zone: 'a.example.', until: '2026-01-02T00:00:00.000Z', why: 'they know', source: 'config' },
  ])
})

t.test('a file that can not be read is begun anew, and reported', async t => {
  const stage = await createStage({ files: new Map([['trust.json', '{"keys": 7']]) })
  t.match(stage.logged, [/begun anew/])
  t.same(stage.keeper.trust.anchors, ROOT_ANCHORS)
})
