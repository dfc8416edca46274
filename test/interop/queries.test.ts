import t from 'tap'
import { Daemon } from './daemon.ts'
import { dig, digStatus, run, without } from './tools.ts'

t.test('dig, kdig and drill ask the daemon', { skip: without('dig', 'kdig', 'drill') }, async t => {
  const daemon = await Daemon.start(t)
  const { dns } = daemon.ports

  for (const [what, args, expected] of [
    ['an address', ['www.internal.example.com', 'A'], ['192.0.2.10']],
    ['an IPv6 address over TCP', ['+tcp', 'www.internal.example.com', 'AAAA'], ['2001:db8::10']],
    ['a name in mixed case', ['WwW.Internal.EXAMPLE.com', 'A'], ['192.0.2.10']],
    ['a CNAME and its target', ['alias.internal.example.com', 'A'], ['192.0.2.10', 'www.internal.example.com.']],
    ['a wildcard', ['a.b.wild.internal.example.com', 'TXT'], ['"any"']],
    ['the outside view by source address', ['-b', '127.0.0.9', 'www.internal.example.com', 'A'], ['198.51.100.10']],
  ] as const)
    t.test(`dig: ${what}`, async t => t.strictSame(await dig(dns, ...args), expected))

  for (const [what, args, status] of [
    ['a name that does not exist', ['nope.internal.example.com'], 'NXDOMAIN'],
    ['an empty non-terminal', ['wild.internal.example.com'], 'NOERROR'],
    ['a name that is not ours, without recursion', ['+norecurse', 'example.org'], 'REFUSED'],
    ['a name that is not ours, from outside', ['-b', '127.0.0.9', 'example.org'], 'REFUSED'],
    ['an EDNS version of the future', ['+edns=77', '+noednsnegotiation', 'www.internal.example.com'], 'BADVERS'],
    ['an unknown EDNS option', ['+ednsopt=65001:00ff', 'www.internal.example.com'], 'NOERROR'],
    ['an opcode that nobody uses', ['+opcode=7', 'www.internal.example.com'], 'NOTIMP'],
    ['the version, CHAOS', ['CH', 'TXT', 'version.bind'], 'REFUSED'],
    ['an unsigned transfer', ['internal.example.com', 'AXFR'], ''],
  ] as const)
    t.test(`dig: ${what}: ${status || 'fails'}`, async t => {
      if (status) t.equal(await digStatus(dns, ...args), status)
      else t.match((await run('dig', ['@127.0.0.1', '-p', String(dns), ...args])).stdout, /Transfer failed/)
    })

  t.test('kdig: a referral with glue, without AA', async t => {
    const { stdout } = await run('kdig', ['@127.0.0.1', '-p', String(dns), '+norecurse', 'x.sub.internal.example.com'])
    t.match(stdout, /NOERROR/)
    t.match(stdout, /sub\.internal\.example\.com\.\s+300\s+IN\s+NS\s+ns\.sub\.internal\.example\.com\./)
    t.match(stdout, /ns\.sub\.internal\.example\.com\.\s+300\s+IN\s+A\s+192\.0\.2\.53/)
    t.notMatch(stdout, /Flags:[^;]* aa/)
  })

  t.test('drill: authoritative answer', async t => {
    const { stdout } = await run('drill', ['-p', String(dns), '@127.0.0.1', 'www.internal.example.com'])
    t.match(stdout, /flags: qr aa/)
  })

  t.test('kdig over TLS with the root that the daemon published', async t => {
    const { stdout } = await run('kdig', [
      '@127.0.0.1',
      '-p',
      String(daemon.ports.dot),
      `+tls-ca=${await daemon.rootFile()}`,
      '+tls-hostname=ns1.internal.example.com',
      '+short',
      'www.internal.example.com',
    ])
    t.equal(stdout.trim(), '192.0.2.10')
  })
})
