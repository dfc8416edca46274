import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, KEY, SECRETS } from './daemon.ts'
import { dig, eventually, freePorts, run, scratch, startPeer, without } from './tools.ts'

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
  const folder = scratch(t)
  writeFileSync(join(folder, 'named.conf'), namedConf(folder, bind, dns))
  mkdirSync(join(folder, 'knot'))
  writeFileSync(join(folder, 'knot.conf'), knotConf(join(folder, 'knot'), knot, dns))
  writeFileSync(join(folder, 'nsd.conf'), nsdConf(folder, nsd, dns))
  startPeer(t, 'named', ['-g', '-c', join(folder, 'named.conf')], join(folder, 'named.log'))
  startPeer(t, 'knotd', ['-c', join(folder, 'knot.conf')], join(folder, 'knot.log'))
  startPeer(t, 'nsd', ['-d', '-c', join(folder, 'nsd.conf')], join(folder, 'nsd.log'))
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

const namedConf = (folder: string, port: number, primary: number) => `
options { directory "${folder}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile "${folder}/session.key"; };
controls { };
key xfr { algorithm hmac-sha256; secret "${SECRETS.xfr}"; };
zone "internal.example.com" { type secondary; primaries { 127.0.0.1 port ${primary} key xfr; }; file "${folder}/bind.zone"; };
`

const knotConf = (folder: string, port: number, primary: number) => `
server:
  listen: 127.0.0.1@${port}
  rundir: ${folder}
database:
  storage: ${folder}
key:
  - id: xfr
    algorithm: hmac-sha256
    secret: ${SECRETS.xfr}
remote:
  - id: primary
    address: 127.0.0.1@${primary}
    key: xfr
zone:
  - domain: internal.example.com
    storage: ${folder}
    master: primary
`

const nsdConf = (folder: string, port: number, primary: number) => `
server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ${folder}/nsd.pid
  xfrdfile: ${folder}/xfrd.state
  xfrdir: ${folder}
  zonelistfile: ${folder}/zone.list
  zonesdir: ${folder}
remote-control:
  control-enable: no
key:
  name: xfr
  algorithm: hmac-sha256
  secret: "${SECRETS.xfr}"
zone:
  name: internal.example.com
  zonefile: nsd.zone
  request-xfr: AXFR 127.0.0.1@${primary} xfr
`
