import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon } from './daemon.ts'
import { buildCoredns, startCoredns, withoutCoredns } from './peers/coredns.ts'
import { dig, digStatus, eventually, freePorts, scratch, startPeer } from './tools.ts'

t.setTimeout(960_000)
t.test('CoreDNS forwards to the daemon', { skip: withoutCoredns('dig', 'named') }, async t => {
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
  const upstream = startPeer(t, 'named', ['-g', '-n', '1', '-c', join(folder, 'named.conf')], join(folder, 'named.log'))
  startCoredns(t, port, daemon.ports.dns)
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
  t.ok(await eventually(async () => (await dig(port, 'w.up.test'))[0] === '192.0.2.200'), 'a name resolved through us')
  t.equal(await digStatus(port, '-t', 'NS', '.'), 'NOERROR', 'the health check is answered')

  t.test('while the upstream is dead, our own zones stay reachable through CoreDNS', async t => {
    upstream.kill('SIGKILL')
    for (let i = 0; i < 5; i++) await digStatus(port, `fresh${i}.up.test`)
    t.strictSame(await dig(port, 'www.internal.example.com'), ['192.0.2.10'])
  })
})
