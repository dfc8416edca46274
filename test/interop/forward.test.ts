import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Ede, Rcode } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import { printRecord, typeCode } from '../../dns/types.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import type { Network } from '../../host/network.ts'
import { systemRandom } from '../../host/random.ts'
import { systemNetwork } from '../../host/system-network.ts'
import { createResolver, type ResolveOptions } from '../../resolver/resolver.ts'
import type { ServerAddress } from '../../resolver/upstreams/server.ts'
import { startBind } from './peers/bind.ts'
import { eventually, freePorts, scratch, selfSigned, startPeer, stopPeer, without } from './tools.ts'

const BIG = Array.from({ length: 12 }, (_, i) => `"${String(i).repeat(200).slice(0, 200)}"`).join(' ')
const ZONE = `$TTL 300
@ IN SOA ns1 h 1 3600 600 604800 60
@ NS ns1
ns1 A 127.0.0.1
w A 192.0.2.200
alias CNAME w
far CNAME w.other.test.
old DNAME new
x.new A 192.0.2.201
big TXT ${BIG}
short 1 A 192.0.2.202
`

/** A resolver on the machine's own network, and its answers as text. */
function createAsker(t: Test, to: ServerAddress[], ca?: string) {
  const network: Network = {
    udp: systemNetwork.udp,
    connect: (remote, { tls, ...rest }) =>
      systemNetwork.connect(remote, { ...rest, ...(tls && { tls: { ...tls, ...(ca && { ca: [ca] }) } }) }),
  }
  const rules = [{ zone: parseName('.'), to }]
  const resolver = createResolver({ rules, network, clock: systemClock, random: systemRandom, log: silentLog })
  t.teardown(() => resolver.close())
  return async (name: string, type = 'A', options?: ResolveOptions) => {
    const told = await resolver.resolve({ name: parseName(name), type: typeCode(type)!, class: 1 }, options)
    return { ...told, answer: told.answer.map(printRecord), authority: told.authority.map(printRecord) }
  }
}

/** BIND with the zones up.test and other.test. */
const startUpstream = (t: Test, port: number) =>
  startBind(t, {
    port,
    statements: 'zone "up.test" { type primary; file "zone"; }; zone "other.test" { type primary; file "zone"; };',
    files: { zone: ZONE },
  }).process

t.test('BIND as the upstream', { skip: without('named') }, async t => {
  const [port] = (await freePorts(1)) as [number]
  const named = startUpstream(t, port)
  const at: ServerAddress = { transport: 'udp', address: '127.0.0.1', port }
  const probe = createAsker(t, [at])
  await eventually(async () => (await probe('ns1.up.test.')).rcode === Rcode.NOERROR)
  const ask = createAsker(t, [at])

  t.match(await ask('w.up.test.'), {
    rcode: Rcode.NOERROR,
    answer: ['w.up.test. 300 IN A 192.0.2.200'],
    from: 'upstream',
  })
  t.match(await ask('W.UP.test.'), { answer: [/^W.UP.test. \d+ IN A 192.0.2.200$/], from: 'cache' })
  t.match(await ask('alias.up.test.'), { answer: ['alias.up.test. 300 IN CNAME w.up.test.', /^w.up.test. \d+ IN A/] })
  t.match(await ask('far.up.test.'), { answer: ['far.up.test. 300 IN CNAME w.other.test.', /^w.other.test. \d+ IN A/] })
  t.match(await ask('x.old.up.test.'), {
    answer: [/ DNAME new.up.test.$/, / CNAME x.new.up.test.$/, / A 192.0.2.201$/],
  })
  t.match(await ask('nope.up.test.'), { rcode: Rcode.NXDOMAIN, answer: [], authority: [/^up.test. 60 IN SOA/] })
  t.match(await ask('w.up.test.', 'AAAA'), { rcode: Rcode.NOERROR, answer: [], authority: [/^up.test. 60 IN SOA/] })
  t.match(
    await ask('big.up.test.', 'TXT'),
    { rcode: Rcode.NOERROR, answer: { length: 1 } },
    'over TCP where UDP is too short',
  )
  t.match(
    await ask('w.example.'),
    { rcode: Rcode.SERVFAIL, ede: { code: Ede.NO_REACHABLE_AUTHORITY } },
    'REFUSED is no answer',
  )
  t.match(await ask('short.up.test.'), { answer: ['short.up.test. 1 IN A 192.0.2.202'] })

  await stopPeer(named)
  t.match(await ask('fresh.up.test.'), { rcode: Rcode.SERVFAIL })
  t.ok(await eventually(async () => (await ask('short.up.test.')).from === 'stale'), 'stale once its TTL has passed')
  t.match(await ask('short.up.test.'), {
    answer: ['short.up.test. 30 IN A 192.0.2.202'],
    ede: { code: Ede.STALE_ANSWER },
  })

  startUpstream(t, port)
  t.ok(await eventually(async () => (await ask(`${Math.random()}.up.test.`)).rcode === Rcode.NXDOMAIN), 'back again')
  t.match(await ask('short.up.test.'), { answer: ['short.up.test. 1 IN A 192.0.2.202'], from: 'upstream' })
})

t.test('unbound as the upstream, over TLS and HTTPS', { skip: without('unbound', 'openssl') }, async t => {
  const folder = scratch(t)
  const ca = await selfSigned(folder, 'DNS:dns.test', 'IP:127.0.0.1')
  const [plain, tls, https] = (await freePorts(3)) as [number, number, number]
  const listen = [plain, tls, https].map(port => `  interface: 127.0.0.1@${port}\n`).join('')
  writeFileSync(
    join(folder, 'unbound.conf'),
    `server:\n${listen}  tls-port: ${tls}\n  https-port: ${https}\n  tls-service-key: "${folder}/key.pem"\n  tls-service-pem: "${folder}/cert.pem"
  do-daemonize: no\n  username: ""\n  chroot: ""\n  directory: "${folder}"\n  pidfile: ""\n  use-syslog: no\n  verbosity: 1
  access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n  local-zone: "up.test." static\n  local-data: "w.up.test. 300 A 192.0.2.200"
  local-data: 'big.up.test. 300 TXT ${BIG}'\nremote-control:\n  control-enable: no\n`,
  )
  startPeer(t, 'unbound', ['-d', '-c', join(folder, 'unbound.conf')], join(folder, 'log'))
  const base = { address: '127.0.0.1' }
  const rows: [string, ServerAddress][] = [
    ['UDP', { ...base, transport: 'udp', port: plain }],
    ['TLS with a name', { ...base, transport: 'tls', port: tls, hostname: 'dns.test' }],
    ['TLS with the address alone', { ...base, transport: 'tls', port: tls }],
    ['HTTPS with a name', { ...base, transport: 'https', port: https, hostname: 'dns.test', path: '/dns-query' }],
    ['HTTPS with the address alone', { ...base, transport: 'https', port: https, path: '/dns-query' }],
  ]
  const probe = createAsker(t, [rows[0]![1]])
  t.ok(
    await eventually(async () => (await probe(`${Math.random()}.up.test.`)).rcode === Rcode.NXDOMAIN),
    'unbound is up',
  )
  for (const [sentence, at] of rows) {
    const ask = createAsker(t, [at], ca)
    t.match(await ask('w.up.test.'), { rcode: Rcode.NOERROR, answer: ['w.up.test. 300 IN A 192.0.2.200'] }, sentence)
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(`n${i}.up.test.`)))
    t.same(new Set(all.map(({ rcode }) => rcode)), new Set([Rcode.NXDOMAIN]), `${sentence}, fifty at once`)
    t.match(
      await ask('big.up.test.', 'TXT'),
      { rcode: Rcode.NOERROR, answer: { length: 1 } },
      `${sentence}, an answer beyond 1232 octets`,
    )
  }
  for (const [sentence, at] of [
    ['TLS', { ...base, transport: 'tls', port: tls, hostname: 'other.test' }],
    ['HTTPS', { ...base, transport: 'https', port: https, hostname: 'other.test' }],
  ] as const) {
    const wrongName = await createAsker(t, [at], ca)('w.up.test.')
    t.match(
      wrongName,
      { rcode: Rcode.SERVFAIL, ede: { code: Ede.NETWORK_ERROR } },
      `${sentence}: a certificate for another name`,
    )
    const untrusted = await createAsker(t, [{ ...at, hostname: 'dns.test' }])('w.up.test.')
    t.match(
      untrusted,
      { rcode: Rcode.SERVFAIL, ede: { code: Ede.NETWORK_ERROR } },
      `${sentence}: an untrusted certificate`,
    )
  }
})
