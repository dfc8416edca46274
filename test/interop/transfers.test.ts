import t from 'tap'
import { Daemon, KEY } from './daemon.ts'
import { startBind } from './peers/bind.ts'
import { startKnot } from './peers/knot.ts'
import { startNsd } from './peers/nsd.ts'
import { dig, eventually, freePorts, run, without } from './tools.ts'

t.test('the zone is handed out', { skip: without('dig', 'named', 'knotd', 'nsd', 'nsupdate') }, async t => {
  const daemon = await Daemon.start(t)
  const { dns } = daemon.ports
  const names = Array.from(
    { length: 500 },
    (_, i) => `update add t${i}.apps.internal.example.com 60 TXT "heritage=external-dns,i=${i}"`,
  )
  const filled = await run('nsupdate', ['-v', '-y', KEY('externaldns')], {
    input: `server 127.0.0.1 ${dns}\nzone internal.example.com\n${names.join('\n')}\nsend\n`,
  })
  t.equal(filled.stderr, '')

  t.test('dig AXFR with a key: whole, in one piece, signed', async t => {
    const { stdout } = await run('dig', [
      '@127.0.0.1',
      '-p',
      String(dns),
      '-y',
      KEY('xfr'),
      '+onesoa',
      'internal.example.com',
      'AXFR',
    ])
    t.match(stdout, /XFR size: \d+ records/)
    t.notMatch(stdout, /Couldn't verify|expected a TSIG|WARNING/)
    t.equal(stdout.split('\n').filter(line => line.includes('heritage=')).length, 500)
  })

  for (const [what, args] of [
    ['unsigned', []],
    ['with a key that may not', ['-y', KEY('certmanager')]],
    ['with a wrong secret', ['-y', KEY('xfr').replace(/.{8}$/, 'AAAAAAA=')]],
  ] as const)
    t.test(`dig AXFR ${what} fails`, async t => {
      const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(dns), ...args, 'internal.example.com', 'AXFR'])
      t.match(stdout, /Transfer failed|BADSIG|verify failure/)
      t.notMatch(stdout, /heritage/)
    })

  const [bind, knot, nsd] = (await freePorts(3)) as [number, number, number]
  startBind(t, {
    port: bind,
    statements: `zone "internal.example.com" { type secondary; primaries { 127.0.0.1 port ${dns} key xfr; }; file "zone"; };`,
  })
  startKnot(t, { port: knot, we: dns, sections: 'zone:\n  - domain: internal.example.com\n    master: we' })
  startNsd(t, {
    port: nsd,
    clauses: `zone:\n  name: internal.example.com\n  zonefile: zone\n  request-xfr: AXFR 127.0.0.1@${dns} xfr`,
  })
  for (const [peer, port] of [
    ['BIND', bind],
    ['Knot', knot],
    ['NSD', nsd],
  ] as const)
    t.test(`${peer} as a secondary holds the whole zone`, async t => {
      t.ok(await eventually(async () => (await dig(port, 't499.apps.internal.example.com', 'TXT')).length === 1))
      t.strictSame(await dig(port, 'www.internal.example.com'), ['192.0.2.10'])
      t.strictSame(await dig(port, 'internal.example.com', 'SOA'), await dig(dns, 'internal.example.com', 'SOA'))
    })
})
