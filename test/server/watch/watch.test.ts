import { once } from 'node:events'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import t from 'tap'
import { loadConfig } from '../../../config/load.ts'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { dsRdata } from '../../../dns/dnssec.ts'
import { parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName, printName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { parseRdataText, printRdata, Type, typeName } from '../../../dns/types.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld } from '../../../host/world.ts'
import { startDaemon } from '../../../server/daemon.ts'
import { Watch, type WatchDeps } from '../../../server/watch/watch.ts'
import { ZoneTable } from '../../../zones/lookup/table.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { scratch, type } from '../../cli/session.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork } from '../../simulation/network.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { keepLog } from '../../zones/kept-log.ts'
import { zoneText } from '../zones-world.ts'

const MINUTE = 60_000
const SERVER = { address: '192.0.2.53', port: 53 }

/** A watch over a simulated network, where SERVER says of every name what `answer` is. */
function world(config: object, zones: object[] = [], views: object[] = []) {
  const clock = createSimulatedClock()
  const random = createSeededRandom(1)
  const network = createSimulatedNetwork(clock, random)
  const { log, logged } = keepLog()
  const authority = { zones, state: { findKey: () => undefined, views } }
  const stage = { clock, network, logged, answer: [] as ResourceRecord[], rcode: Rcode.NOERROR as number }
  const serve = (at: string) =>
    network.serve(at, (wire, _via, reply) => {
      const { id, opcode, question } = parseMessage(wire)
      const answer = stage.answer.filter(({ type }) => type === question[0]!.type)
      const rest = { flags: Flag.QR, rcode: stage.rcode, authority: [], additional: [] }
      reply(writeMessage({ id, opcode, question, answer, ...rest }))
    })
  serve('192.0.2.53:53')
  const deps = { clock, network, random, log, config: () => config, authority, server: SERVER, affairs: undefined }
  return { ...stage, stage, serve, watch: new Watch(deps as unknown as WatchDeps) }
}

const record = (owner: string, type: number, text: string): ResourceRecord => ({
  ...{ owner: parseName(owner), type, class: 1, ttl: 60, rdata: parseRdataText(type, text) },
})

t.test('names are looked at as often as they are to be, layer by layer', async t => {
  const probes = [{ name: parseName('www.a.example.'), port: 443, every: 5 * MINUTE }]
  const { watch, stage, clock, logged, network } = world({ probes })
  watch.plan()
  t.same(watch.report.probes, [], 'not yet')
  await clock.advance(MINUTE)
  t.match(watch.report.probes, [{ name: 'www.a.example.', layers: [{ layer: 'dns', ok: false, what: 'no address' }] }])
  stage.answer = [record('www.a.example.', Type.A, '192.0.2.1')]
  network.condition('192.0.2.1:443', 'refusing')
  await clock.advance(5 * MINUTE)
  const [looked] = watch.report.probes
  t.match(looked?.layers, [
    { layer: 'dns', ok: true, what: '192.0.2.1' },
    { layer: 'tls', ok: false, what: /^192\.0\.2\.1: / },
  ])
  t.equal(looked?.layers.length, 2, 'below a layer that fails nothing is looked at')
  stage.rcode = Rcode.SERVFAIL
  await clock.advance(15 * MINUTE)
  t.match(watch.report.probes[0]?.layers, [{ ok: false, what: 'SERVFAIL' }])
  network.condition('192.0.2.53:53', 'silent')
  await clock.advance(6 * MINUTE)
  t.match(watch.report.probes[0]?.layers, [{ ok: false, what: 'no answer' }])
  t.same(
    logged.map(({ message, fields }) => [message, fields['reason']]),
    [
      ['a probe failed', 'no address'],
      ['a probe failed', '192.0.2.1: connection refused'],
      ['a probe failed', 'SERVFAIL'],
      ['a probe failed', 'no answer'],
    ],
    'each change is told once',
  )
  watch.close()
  t.equal(clock.pending(), 0)
})

t.test('a probe that is no longer listed is forgotten', async t => {
  const config = { probes: [{ name: parseName('www.a.example.'), port: 443, every: MINUTE }] }
  const { watch, clock } = world(config)
  watch.plan()
  await clock.advance(MINUTE)
  t.equal(watch.report.probes.length, 1)
  config.probes = []
  watch.plan()
  t.same((await clock.until(watch.look())).probes, [])
  watch.close()
})

t.test('secondaries are asked for the serials that they serve', async t => {
  const notify = [{ address: { address: '192.0.2.60', port: 53 } }, { address: { address: '192.0.2.61', port: 53 } }]
  const image = ZoneImage.create(parseName('a.example.'), zoneText('a.example.', 7))
  const zone = { view: 'v', origin: parseName('a.example.'), image, config: { notify } }
  const { watch, stage, serve, clock, network } = world({ probes: [] }, [zone])
  serve('192.0.2.60:53')
  network.condition('192.0.2.61:53', 'silent')
  stage.answer = zoneText('a.example.', 6)
  watch.plan()
  await clock.advance(MINUTE)
  const about = { view: 'v', zone: 'a.example.', own: 7 }
  t.same(watch.report.secondaries, [
    { ...about, secondary: '192.0.2.60:53', serial: 6 },
    { ...about, secondary: '192.0.2.61:53', problem: 'no answer' },
  ])
  stage.answer = zoneText('a.example.', 7)
  stage.rcode = Rcode.REFUSED
  await clock.advance(6 * MINUTE)
  t.match(watch.report.secondaries, [{ problem: 'REFUSED' }, { problem: 'no answer' }])
  watch.close()
})

t.test('RFC 1034 §4.2.2: the parent’s NS RRset is compared with the zone’s', async t => {
  const image = (origin: string, ...lines: string[]) =>
    ZoneImage.create(parseName(origin), zoneText(origin, 1, ...lines))
  const problems = (parent: ZoneImage, child: ZoneImage) => {
    const view = { name: 'v', zones: new ZoneTable([parent, child]) }
    return world({ probes: [] }, [], [view]).watch.report.delegations.map(({ problem }) => problem)
  }
  const child = image('sub.example.')
  t.same(problems(image('example.'), child), ['example. does not delegate it'])
  t.same(problems(image('example.', 'sub NS ns.example.'), child), [])
  t.same(problems(image('example.', 'sub NS NS.example.'), child), [], 'whatever the case')
  t.same(problems(image('example.', 'sub NS other.example.'), child), ['example. lacks the NS ns.example.'])
  t.same(problems(image('example.', 'sub NS ns.example.', 'sub NS old.example.'), child), [
    'example. has the NS old.example., which the zone does not name',
  ])
})

const KEY = '257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=='

t.test('a parent elsewhere is found through the resolver, and asked without recursion', async t => {
  const origin = parseName('sub.example.')
  const image = ZoneImage.create(origin, [
    ...zoneText('sub.example.', 1),
    record('sub.example.', Type.NS, 'ns.sub.example.'),
    record('ns.sub.example.', Type.A, '192.0.2.2'),
    record('sub.example.', Type.DNSKEY, KEY),
  ])
  const known: Record<string, ResourceRecord[]> = {
    'example. SOA': [record('example.', Type.SOA, 'ns.example. h.example. 1 1 1 1 1')],
    'example. NS': [record('example.', Type.NS, 'ns1.example.'), record('example.', Type.NS, 'ns2.example.')],
    'ns1.example. A': [record('ns1.example.', Type.A, '192.0.2.70')],
    'ns2.example. A': [record('ns2.example.', Type.A, '192.0.2.71')],
  }
  const resolver = {
    covers: (name: Uint8Array) => printName(name) === 'example.',
    resolve: async ({ name, type }: { name: Uint8Array; type: number }) => ({
      ...{ rcode: Rcode.NOERROR, authority: [], answer: known[`${printName(name)} ${typeName(type)}`] ?? [] },
    }),
  }
  const none = { covers: () => false }
  const zone = { view: 'v', origin, image, config: { notify: [], delegated: true } }
  const views = [
    { name: 'v', zones: new ZoneTable([image]), resolver: none },
    { name: 'w', zones: new ZoneTable([]), resolver },
  ]
  const { watch, clock, network, logged } = world({ probes: [] }, [zone], views)
  const above = { ns: [] as string[], glue: [] as [string, string][], ds: [] as string[], truncated: false }
  network.condition('192.0.2.70:53', 'silent')
  network.serve('192.0.2.71:53', (wire, via, reply) => {
    const { id, opcode, flags, question } = parseMessage(wire)
    t.equal(flags & Flag.RD, 0, 'no recursion is asked for')
    const isNs = question[0]!.type === Type.NS
    const cut = above.truncated && via === 'udp'
    reply(
      writeMessage({
        ...{ id, opcode, question, flags: Flag.QR | (cut ? Flag.TC : 0), rcode: 0 },
        answer: isNs ? [] : above.ds.map(text => record('sub.example.', Type.DS, text)),
        authority: isNs && !cut ? above.ns.map(text => record('sub.example.', Type.NS, text)) : [],
        additional: isNs && !cut ? above.glue.map(([owner, text]) => record(owner, Type.A, text)) : [],
      }),
    )
  })
  const look = async () => (await clock.until(watch.look())).delegations
  const about = { view: 'v', zone: 'sub.example.', parent: 'example.' }

  t.same(await look(), [{ ...about, problem: 'example. does not delegate it' }])
  above.ns = ['ns.example.', 'ns.sub.example.']
  t.same(await look(), [{ ...about, problem: 'example. lacks the address 192.0.2.2 of ns.sub.example.' }])
  above.glue = [
    ['ns.sub.example.', '192.0.2.2'],
    ['NS.sub.example.', '192.0.2.9'],
  ]
  t.same(await look(), [
    { ...about, problem: 'example. has the address 192.0.2.9 of ns.sub.example., which the zone does not have' },
  ])
  above.glue.pop()
  t.same(await look(), [about], 'as it should be')
  above.truncated = true
  t.same(await look(), [about], 'RFC 7766 §5: the whole of what was cut comes by TCP')
  above.truncated = false
  above.ds = ['1 13 2 AA']
  t.same(await look(), [{ ...about, problem: "example. has a DS of none of the zone's keys" }])
  above.ds.push(printRdata(Type.DS, dsRdata(origin, parseRdataText(Type.DNSKEY, KEY))!))
  t.same(await look(), [about], 'one that leads to a key is enough')
  above.ns = ['ns.sub.example.', 'old.example.']
  t.match(await look(), [{ problem: 'example. lacks the NS ns.example.' }])
  t.same(
    logged.filter(({ message }) => message.startsWith('a delegation')).map(({ fields }) => fields['reason']),
    [
      'example. does not delegate it',
      'example. lacks the address 192.0.2.2 of ns.sub.example.',
      'example. has the address 192.0.2.9 of ns.sub.example., which the zone does not have',
      "example. has a DS of none of the zone's keys",
      'example. lacks the NS ns.example.',
    ],
    'each change is told once',
  )
  network.condition('192.0.2.71:53', 'silent')
  t.same(await look(), [{ ...about, unknown: '192.0.2.71: no answer' }])
  known['example. NS'] = []
  t.same(await look(), [{ ...about, unknown: 'example. has no servers with addresses' }])
  known['example. SOA'] = []
  t.match(await look(), [{ parent: '', unknown: 'the zone above is not to be found: NOERROR' }])
  resolver.covers = () => false
  t.match(await look(), [{ unknown: 'no view forwards the names above it' }])
  zone.config.delegated = false
  t.same(await look(), [], 'nobody is asked about zones that are not said to be delegated')
  watch.close()
})

const CONFIG = (port: number) => `
name: ns.a.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"], metrics: ["127.0.0.1:0"] }
views: [{ name: all, zones: [{ name: a.example, file: a.zone }] }]
ca: { name: Test, url: "https://localhost", issue: [{ names: ["**.a.example"] }], profiles: [{ name: default, validity: 30d }] }
probes: [{ name: www.a.example, port: ${port}, every: 1h }]
`

t.test('what a name really shows is compared with what was issued', async t => {
  const host = createServer().listen(0, '127.0.0.1')
  await once(host, 'listening')
  t.teardown(() => host.close())
  const { port } = host.address() as { port: number }
  const zone = '$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 127.0.0.1\nwww A 127.0.0.1\n'
  const cwd = scratch(t, { 'namestead.yaml': CONFIG(port), 'a.zone': zone })
  const configFile = join(cwd, 'namestead.yaml')
  const { config } = loadConfig(configFile)
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(config!, owner, systemWorld, silentLog)
  t.teardown(() => daemon.stop())
  const issue = async () => JSON.parse((await type(cwd, ['ca', 'issue', 'www.a.example', '--json'])).out)
  const first = await issue()
  host.setSecureContext({ key: first.key, cert: first.certificate })
  const well = await type(cwd, ['probe'])
  t.match(well, { exit: 0, err: '' })
  t.match(well.out, /^www\.a\.example\.:\d+ +dns +ok +\d+ ms +127\.0\.0\.1$/m)
  t.match(well.out, /^www\.a\.example\.:\d+ +tls +ok +\d+ ms +127\.0\.0\.1 shows [0-9a-f]+$/m)
  t.match(well.out, /^www\.a\.example\.:\d+ +certificate +ok +\d+ ms +the newest of ours, until \S+$/m)
  await issue()
  t.match((await type(cwd, ['probe'])).out, /certificate +FAILS +\d+ ms .*still serves the certificate/)

  const response = await fetch(`http://${daemon.status().listen.metrics![0]}/metrics`)
  const metrics = await response.text()
  t.match(metrics, `namestead_probe_ok{name="www.a.example.",port="${port}",layer="tls"} 1\n`)
  t.match(metrics, `namestead_probe_ok{name="www.a.example.",port="${port}",layer="certificate"} 0\n`)
  t.match(metrics, /^namestead_probe_certificate_expiry_timestamp_seconds\{\S+\} \d+/m)
})
