import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import t, { type Test } from 'tap'
import { configText, Daemon, KEY, SECRETS } from '../daemon.ts'
import { pathEnv, run, stopPeer, without } from '../tools.ts'

const COLLECTOR = resolve('.cache', 'otlp-collector')
const PROGRAMS = ['nsupdate', 'lego', 'curl', ...(existsSync(COLLECTOR) ? [] : ['go'])]

/** A span as the collector has understood it. */
interface Seen {
  service: string
  name: string
  kind: string
  trace: string
  span: string
  parent: string
  start: string
  end: string
  attributes: Record<string, unknown>
  status: string
}

/** Starts the collector: what it has seen, and a promise of the first span that fits. */
async function collect(
  t: Test,
): Promise<{ endpoint: string; seen: Seen[]; until: (fits: (span: Seen) => boolean) => Promise<Seen> }> {
  const child: ChildProcess = spawn(COLLECTOR, { env: pathEnv(), stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => stopPeer(child))
  const lines: Interface = createInterface({ input: child.stdout! })
  const endpoint = await new Promise<string>(resolve => lines.once('line', resolve))
  const seen: Seen[] = []
  const waiting = new Set<() => void>()
  lines.on('line', line => {
    seen.push(JSON.parse(line) as Seen)
    for (const look of waiting) look()
  })
  const until = (fits: (span: Seen) => boolean) =>
    new Promise<Seen>(resolve => {
      const look = () => {
        const found = seen.find(fits)
        if (found && waiting.delete(look)) resolve(found)
      }
      waiting.add(look)
      look()
    })
  return { endpoint: `http://${endpoint}`, seen, until }
}

t.setTimeout(600_000)
t.test(
  "OpenTelemetry's collector understands the traces of an update, an order and a call",
  { skip: without(...PROGRAMS) },
  async t => {
    if (!existsSync(COLLECTOR)) {
      mkdirSync('.cache', { recursive: true })
      const cwd = join('test', 'interop', 'tracing', 'collector')
      const built = await run('go', ['build', '-o', COLLECTOR, '.'], { cwd, timeout: 500_000 })
      t.equal(built.status, 0, built.stderr)
    }
    const { endpoint, seen, until } = await collect(t)
    const notified =
      '      - { name: told.example, dynamic: true, notify: ["127.0.0.1:9"], update: [{ key: externaldns, names: ["**"] }] }'
    const tracing = `tracing: { endpoint: "${endpoint}", trust: ["127.0.0.1"] }\n`
    const daemon = await Daemon.start(t, { config: ports => configText(ports, notified) + tracing })
    const { dns, metrics } = daemon.ports

    const input = [
      `server 127.0.0.1 ${dns}`,
      'zone told.example',
      'update add a.told.example 60 A 192.0.2.1',
      'send',
      '',
    ]
    t.match(await run('nsupdate', ['-y', KEY('externaldns')], { input: input.join('\n') }), { status: 0 })
    const update = await until(({ name }) => name === 'UPDATE')
    t.match(update, {
      ...{ service: 'namestead', kind: 'Server', parent: '', status: 'Unset' },
      attributes: {
        ...{ 'dns.zone': 'told.example.', 'dns.view': 'inside', 'dns.key': 'externaldns.', 'dns.rcode': 'NOERROR' },
        ...{ 'client.address': '127.0.0.1', 'network.transport': 'udp' },
      },
    })
    await until(({ name, trace }) => name === 'NOTIFY' && trace === update.trace)
    const parts = seen.filter(({ trace }) => trace === update.trace)
    t.same(
      parts
        .filter(({ parent }) => parent === update.span)
        .map(({ name }) => name)
        .sort(),
      ['NOTIFY', 'commit', 'decide', 'publish', 'receive'],
    )
    for (const { name, start, end } of parts) t.ok(Date.parse(end) >= Date.parse(start), `${name}: ${start} to ${end}`)

    const refused = input
      .join('\n')
      .replace('told.example\nupdate', 'internal.example.com\nupdate')
      .replace('a.told', 'a.internal')
      .replace('example 60', 'example.com 60')
    t.match(await run('nsupdate', ['-y', KEY('externaldns')], { input: refused }), { status: 2 })
    t.match(await until(({ attributes }) => attributes['dns.rcode'] === 'REFUSED'), { name: 'UPDATE', status: 'Error' })

    const env = {
      LEGO_CA_CERTIFICATES: await daemon.rootFile(),
      ...{ RFC2136_NAMESERVER: `127.0.0.1:${dns}`, RFC2136_TSIG_KEY: 'certmanager.', RFC2136_POLLING_INTERVAL: '1' },
      ...{ RFC2136_TSIG_SECRET: SECRETS.certmanager, RFC2136_TSIG_ALGORITHM: 'hmac-sha256.' },
    }
    const options = ['--accept-tos', '--email', 'ops@internal.example.com', '--path', join(daemon.folder, 'lego')]
    const how = ['--dns', 'rfc2136', '--dns.resolvers', `127.0.0.1:${dns}`, '--dns.disable-cp']
    const which = ['--server', daemon.url('/acme/directory'), '-d', 'app.internal.example.com']
    const ran = await run('lego', [...options, ...how, ...which, 'run'], { env, timeout: 120_000 })
    t.equal(ran.status, 0, ran.stderr.slice(-600))
    const record = await until(({ name, parent }) => name === 'record' && parent !== '')
    const order = await until(({ name, trace }) => name === 'POST /new-order' && trace === record.trace)
    t.match(order.attributes, { 'acme.identifiers': ['app.internal.example.com'], 'http.response.status_code': 201 })
    const names = new Set(seen.filter(({ trace }) => trace === order.trace).map(({ name }) => name))
    for (const name of ['validate', 'look up', 'POST /order/:id/finalize', 'policy', 'CAA', 'lint', 'sign', 'commit'])
      t.ok(names.has(name), name)

    const made = await daemon.cli('token', 'create', '--name', 'ci', '--zones', '**', '--role', 'write', '--json')
    const { token } = JSON.parse(made.stdout) as { token: string }
    const records = [{ content: '192.0.2.9', disabled: false }]
    const rrsets = [{ name: 'b.told.example.', type: 'A', ttl: 60, changetype: 'REPLACE', records }]
    const fields = [`X-API-Key: ${token}`, `traceparent: 00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`]
    const call = ['-X', 'PATCH', '-d', JSON.stringify({ rrsets }), ...fields.flatMap(field => ['-H', field])]
    const zone = daemon.url('/api/v1/servers/inside/zones/told.example.')
    const json = ['-H', 'Content-Type: application/json']
    const called = await run('curl', ['-sSf', '--cacert', await daemon.rootFile(), ...json, ...call, zone])
    t.equal(called.status, 0, called.stderr)
    const patched = await until(({ name }) => name.startsWith('PATCH '))
    t.match(patched, { trace: 'c'.repeat(32), parent: 'd'.repeat(16), attributes: { 'dns.zone': 'told.example.' } })
    await until(({ name, parent }) => name === 'commit' && parent === patched.span)

    const shown = await run('curl', ['-sSf', `http://127.0.0.1:${metrics}/metrics`])
    t.match(shown.stdout, /^namestead_trace_spans_total\{result="sent"\} \d+$/m)
    t.match(shown.stdout, /^namestead_trace_spans_total\{result="dropped"\} 0$/m)
    const told = JSON.stringify(seen)
    for (const secret of [...Object.values(SECRETS), token]) t.notMatch(told, secret)
  },
)
