import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, KEY } from './daemon.ts'
import { dig, type Ran, run, without } from './tools.ts'

t.test('nsupdate changes a dynamic zone', { skip: without('nsupdate', 'dig') }, async t => {
  const daemon = await Daemon.start(t)
  const { dns } = daemon.ports

  /** The RCODE that nsupdate names, NOERROR where it is silent. */
  const rcode = ({ stdout, stderr }: Ran) =>
    /update failed: (\S+)/.exec(stderr + stdout)?.[1] ?? (stderr.trim() || 'NOERROR')
  const nsupdate = async (key: string | undefined, ...lines: string[]) =>
    rcode(
      await run('nsupdate', key ? ['-y', key] : [], {
        input: [`server 127.0.0.1 ${dns}`, 'zone internal.example.com', ...lines, 'send', ''].join('\n'),
      }),
    )
  const externaldns = KEY('externaldns')
  const serial = async () => Number((await dig(dns, 'internal.example.com', 'SOA'))[0]!.split(' ')[2])

  t.equal(await nsupdate(externaldns, 'update add a.apps.internal.example.com 60 A 192.0.2.77'), 'NOERROR')
  t.strictSame(await dig(dns, 'a.apps.internal.example.com'), ['192.0.2.77'], 'visible at once')
  t.equal(await serial(), 2, 'RFC 2136 §3.6: the serial rises')

  for (const [what, key, lines, expected] of [
    [
      'RFC 2136 §2.4.5: the name is in use',
      externaldns,
      ['prereq nxdomain a.apps.internal.example.com', 'update add b.apps.internal.example.com 60 A 192.0.2.1'],
      'YXDOMAIN',
    ],
    [
      'RFC 2136 §2.4.4: the name is not in use',
      externaldns,
      ['prereq yxdomain z.apps.internal.example.com', 'update add b.apps.internal.example.com 60 A 192.0.2.1'],
      'NXDOMAIN',
    ],
    [
      'RFC 2136 §2.4.1: the RRset exists',
      externaldns,
      ['prereq yxrrset a.apps.internal.example.com AAAA', 'update add b.apps.internal.example.com 60 A 192.0.2.1'],
      'NXRRSET',
    ],
    [
      'RFC 2136 §2.4.3: the RRset does not exist',
      externaldns,
      ['prereq nxrrset a.apps.internal.example.com A', 'update add b.apps.internal.example.com 60 A 192.0.2.1'],
      'YXRRSET',
    ],
    [
      'RFC 2136 §2.4.2: the RRset has these values',
      externaldns,
      [
        'prereq yxrrset a.apps.internal.example.com A 192.0.2.78',
        'update add b.apps.internal.example.com 60 A 192.0.2.1',
      ],
      'NXRRSET',
    ],
    ['unsigned', undefined, ['update add b.apps.internal.example.com 60 A 192.0.2.1'], 'REFUSED'],
    [
      'another name than the key may write',
      externaldns,
      ['update add evil.internal.example.com 60 A 192.0.2.1'],
      'REFUSED',
    ],
    [
      'another type than the key may write',
      externaldns,
      ['update add b.apps.internal.example.com 60 MX 10 mail.internal.example.com.'],
      'REFUSED',
    ],
    ['a key without any rule', KEY('xfr'), ['update add b.apps.internal.example.com 60 A 192.0.2.1'], 'REFUSED'],
    [
      'the wrong secret',
      KEY('externaldns').replace(/.{8}$/, 'AAAAAAA='),
      ['update add b.apps.internal.example.com 60 A 192.0.2.1'],
      'NOTAUTH(BADSIG)',
    ],
    [
      'an unknown key',
      `hmac-sha256:nobody:${'A'.repeat(43)}=`,
      ['update add b.apps.internal.example.com 60 A 192.0.2.1'],
      'NOTAUTH(BADKEY)',
    ],
    [
      'a zone that is not ours',
      externaldns,
      ['zone other.example.net', 'update add b.other.example.net 60 A 192.0.2.1'],
      'NOTAUTH',
    ],
  ] as const)
    t.test(`${what}: ${expected}`, async t => {
      const before = await serial()
      const got = await nsupdate(key, ...lines)
      t.equal(got, expected)
      t.equal(await serial(), before, 'nothing changed')
    })

  t.test('a delete of what is already gone is NOERROR', async t => {
    t.equal(await nsupdate(externaldns, 'update delete gone.apps.internal.example.com A 192.0.2.1'), 'NOERROR')
  })

  t.test('a delete', async t => {
    t.equal(await nsupdate(externaldns, 'update delete a.apps.internal.example.com'), 'NOERROR')
    t.strictSame(await dig(dns, 'a.apps.internal.example.com'), [])
  })

  t.test('the log says why an update was refused, and never a secret', async t => {
    const text = JSON.stringify(daemon.lines)
    t.match(text, /evil\.internal\.example\.com/)
    t.match(text, /nobody/)
    t.notMatch(text, KEY('externaldns').split(':')[2]!)
  })

  t.test('keygen makes a key that nsupdate takes', async t => {
    const { stdout, status } = await run(process.execPath, [join('bin', 'namestead.mjs'), 'keygen', 'test-key'])
    t.equal(status, 0)
    const file = join(daemon.folder, 'test.key')
    writeFileSync(file, stdout, { mode: 0o600 })
    const answered = await run('nsupdate', ['-k', file], {
      input: `server 127.0.0.1 ${dns}\nzone internal.example.com\nupdate add x.apps.internal.example.com 60 A 192.0.2.1\nsend\n`,
    })
    t.match(answered.stderr, /BADKEY/, 'read by nsupdate; of course the daemon does not know it')
  })
})
