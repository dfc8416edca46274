import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { configText, Daemon, KEY, type Ports } from './daemon.ts'
import { dig, run, without } from './tools.ts'

/** The contract's configuration, the outer view an overlay of the inner, and a reverse zone that follows it. */
function splitConfig(ports: Ports): string {
  const reverse = '      - { name: 192.in-addr.arpa, dynamic: true, ptr_from: [internal.example.com] }'
  const overlay =
    'overlay_of: inside, show: [{ names: ["**"] }], hide_private: true, file: outside.zone, dnssec: { sign: true }'
  return configText(ports, reverse)
    .replace('type: primary, file: outside.zone', `${overlay}, transfer: [{ key: xfr }]`)
    .replace('match: { clients: [any] }', 'match: { clients: [any], keys: [xfr] }')
    .replace('keys: [externaldns, certmanager, xfr]', 'keys: [externaldns, certmanager]')
}

t.test(
  'one update reaches the base, its signed overlay and the reverse zone',
  { skip: without('nsupdate', 'dig', 'dnssec-verify') },
  async t => {
    const daemon = await Daemon.start(t, { config: splitConfig })
    const { dns } = daemon.ports
    const nsupdate = (...lines: string[]) =>
      run('nsupdate', ['-y', KEY('externaldns')], {
        input: [`server 127.0.0.1 ${dns}`, 'zone internal.example.com', ...lines, 'send', ''].join('\n'),
      })
    const outside = (name: string, type = 'A') => dig(dns, '-b', '127.0.0.9', name, type)

    await nsupdate(
      'update add pub.apps.internal.example.com 60 A 192.0.2.50',
      'update add priv.apps.internal.example.com 60 A 10.1.2.3',
      'update add alias.apps.internal.example.com 60 CNAME priv.apps.internal.example.com',
    )
    t.strictSame(await outside('www.internal.example.com'), ['198.51.100.10'], 'the file of the overlay')
    t.strictSame(await outside('pub.apps.internal.example.com'), ['192.0.2.50'])
    t.strictSame(await outside('priv.apps.internal.example.com'), [], 'a private address')
    t.strictSame(await outside('alias.apps.internal.example.com', 'CNAME'), [], 'what points to nothing')
    t.strictSame(await dig(dns, '-x', '192.0.2.50'), ['pub.apps.internal.example.com.'])

    await nsupdate(
      'update delete pub.apps.internal.example.com',
      'update add priv.apps.internal.example.com 60 A 192.0.2.51',
    )
    t.strictSame(await outside('alias.apps.internal.example.com', 'CNAME'), ['priv.apps.internal.example.com.'])
    t.strictSame(await dig(dns, '-x', '192.0.2.50'), [])

    const explain = (...args: string[]) => daemon.cli('explain', 'priv.apps.internal.example.com', 'A', ...args)
    t.match((await explain()).stdout, /owner +externaldns\.\n/)
    const dryRun = await explain('--key', 'nobody', '--update', 'delete priv.apps.internal.example.com')
    t.match(dryRun.stdout, /NOTAUTH: no key nobody\. is configured \(BADKEY\)/)
    const owned = await daemon.cli('zone', 'export', 'internal.example.com', '--view', 'inside', '--owners')
    t.match(owned.stdout, /^priv\.apps\t60\tIN\tA\t192\.0\.2\.51\t; externaldns\.$/m)

    const whole = await run('dig', [
      '+noall',
      '+answer',
      '+onesoa',
      '-p',
      `${dns}`,
      '@127.0.0.1',
      '-y',
      KEY('xfr'),
      'internal.example.com',
      'AXFR',
    ])
    const file = join(daemon.folder, 'transferred.zone')
    writeFileSync(file, whole.stdout)
    t.notMatch(whole.stdout, /10\.1\.2\.3/)
    const verified = await run('dnssec-verify', ['-z', '-o', 'internal.example.com', file])
    t.match(verified.stdout + verified.stderr, /Zone fully signed/)
  },
)
