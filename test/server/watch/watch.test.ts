import { once } from 'node:events'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import t from 'tap'
import { loadConfig } from '../../../config/load.ts'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld } from '../../../host/world.ts'
import { startDaemon } from '../../../server/daemon.ts'
import { Watch, type WatchDeps } from '../../../server/watch/watch.ts'
import { ZoneTable } from '../../../zones/table.ts'
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
