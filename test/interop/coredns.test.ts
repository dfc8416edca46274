import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { Daemon } from './daemon.ts'
import { dig, digStatus, eventually, freePorts, run, scratch, startPeer, without } from './tools.ts'

const BINARY = resolve('.cache', 'coredns')

/** Built once from the Go module proxy; kept in .cache. */
async function buildCoredns(): Promise<string> {
  if (existsSync(BINARY)) return ''
  mkdirSync('.cache', { recursive: true })
  const built = await run('go', ['build', '-o', BINARY, '.'], {
    cwd: join('test', 'interop', 'coredns'),
    timeout: 900_000,
  })
  return built.status === 0 ? '' : built.stderr
}

t.setTimeout(960_000)
t.test(
  'CoreDNS forwards to the daemon',
  { skip: existsSync(BINARY) ? without('dig', 'named') : without('dig', 'go', 'named') },
  async t => {
    t.equal(await buildCoredns(), '')
    const daemon = await Daemon.start(t)
    const [port] = (await freePorts(1)) as [number]
    const folder = scratch(t)
    writeFileSync(
      join(folder, 'up.zone'),
      '$TTL 60\n@ IN SOA ns1 h 1 3600 600 604800 60\n@ NS ns1\nns1 A 127.0.0.1\nw A 192.0.2.200\n',
    )
    writeFileSync(
      join(folder, 'named.conf'),
      `options { directory "${folder}"; listen-on port ${daemon.ports.upstream} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile "${folder}/s"; }; controls { }; zone "up.test" { type primary; file "up.zone"; };`,
    )
    writeFileSync(
      join(folder, 'Corefile'),
      `.:${port} {\n  bind 127.0.0.1\n  errors\n  forward . 127.0.0.1:${daemon.ports.dns} {\n    max_fails 2\n    health_check 0.5s\n  }\n}\n`,
    )
    const upstream = startPeer(
      t,
      'named',
      ['-g', '-n', '1', '-c', join(folder, 'named.conf')],
      join(folder, 'named.log'),
    )
    startPeer(t, BINARY, ['-conf', join(folder, 'Corefile')], join(folder, 'coredns.log'))
    t.ok(await eventually(async () => (await dig(port, 'www.internal.example.com')).length > 0), 'CoreDNS is up')

    t.strictSame(await dig(port, 'www.internal.example.com'), ['192.0.2.10'], 'a name of our zone')
    t.strictSame(
      await dig(port, '+tcp', 'alias.internal.example.com'),
      ['192.0.2.10', 'www.internal.example.com.'],
      'over TCP',
    )
    t.strictSame(
      await dig(port, '+bufsize=4096', '+dnssec', 'www.internal.example.com'),
      ['192.0.2.10'],
      'with EDNS and DO',
    )
    t.equal(await digStatus(port, 'nope.internal.example.com'), 'NXDOMAIN')
    t.ok(
      await eventually(async () => (await dig(port, 'w.up.test'))[0] === '192.0.2.200'),
      'a name resolved through us',
    )
    t.equal(await digStatus(port, '-t', 'NS', '.'), 'NOERROR', 'the health check is answered')

    t.test('while the upstream is dead, our own zones stay reachable through CoreDNS', async t => {
      upstream.kill('SIGKILL')
      for (let i = 0; i < 5; i++) await digStatus(port, `fresh${i}.up.test`)
      t.strictSame(await dig(port, 'www.internal.example.com'), ['192.0.2.10'])
    })
  },
)
