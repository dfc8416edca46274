import { join } from 'node:path'
import t from 'tap'
import type { Replies } from '../../cli/replies.ts'
import { Daemon, KEY, type Ports } from './daemon.ts'
import { createNamespace, withoutNamespaces } from './namespace.ts'
import { startBind } from './peers/bind.ts'
import { startNsd } from './peers/nsd.ts'
import { folderWith } from './peers/peer.ts'
import { eventually, run, stopPeer } from './tools.ts'

/** A zone above others: `server` is the address of its own, `ns` what it says of a child. */
const PARENT = (server: string, ns: string) => `$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A ${server}
child NS ${ns}
ns.child A 127.0.0.1
${WIDE.map(name => `wide NS ${name}`).join('\n')}
`
/** More than a datagram of 1232 octets holds. */
const WIDE = Array.from({ length: 48 }, (_, i) => `a-rather-long-name-of-the-server-${i}.elsewhere.test.`)

const CONFIG = ({ dns }: Ports, wide: string) => `
name: ns1.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:${dns}"] }
views:
  - name: all
    match: { clients: [any] }
    recursion: [any]
    zones:
      - { name: child.example, file: internal.zone, dynamic: true, delegated: true, dnssec: { sign: true } }
      - { name: wide.example, file: ${wide}, delegated: true }
      - { name: child.test, file: internal.zone, delegated: true }
      - { name: wide.test, file: ${wide}, delegated: true }
    forward: [{ zone: example, to: ["127.0.0.51"] }, { zone: test, to: ["127.0.0.52"] }]
`

t.setTimeout(120_000)
t.test(
  'delegated: true: BIND and NSD as parents, at port 53 where parents are',
  { skip: withoutNamespaces('named', 'nsd', 'dig', 'nsupdate') },
  async t => {
    const within = await createNamespace(t, '127.0.0.51', '127.0.0.52')
    const [ip, ...exec] = within as [string, ...string[]]
    const inside = (program: string, args: string[], input = '') => run(ip, [...exec, program, ...args], { input })
    startBind(t, {
      ...{ port: 53, address: '127.0.0.51', within, files: { zone: PARENT('127.0.0.51', 'ns.child') } },
      statements: 'zone example { type primary; file "zone"; allow-update { key xfr; }; };',
    })
    const nsd = startNsd(t, {
      ...{ port: 53, address: '127.0.0.52', within, files: { zone: PARENT('127.0.0.52', 'old.elsewhere.test.') } },
      clauses: 'zone:\n  name: test\n  zonefile: zone',
    })
    for (const [address, zone] of [
      ['127.0.0.51', 'example'],
      ['127.0.0.52', 'test'],
    ] as const)
      t.ok(
        await eventually(async () =>
          /\bns1\b/.test((await inside('dig', [`@${address}`, '+short', '+tries=1', '+time=1', zone, 'SOA'])).stdout),
        ),
      )

    const zone = '$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n'
    const files = {
      wide: `$TTL 60\n@ SOA ${WIDE[0]} hostmaster 1 3600 600 86400 60\n${WIDE.map(server => `@ NS ${server}`).join('\n')}\n`,
    }
    const wide = join(folderWith(t, files), 'wide')
    const daemon = await Daemon.start(t, { config: ports => CONFIG(ports, wide), zone, within })
    const look = async (name: string) => {
      const { stdout } = await daemon.cli('probe', '--json')
      const { delegations } = JSON.parse(stdout) as Replies['probe']
      return delegations.find(one => one.zone === name)
    }
    const update = async (...lines: string[]) => {
      const input = ['server 127.0.0.51', 'zone example', ...lines, 'send', ''].join('\n')
      t.match(await inside('nsupdate', ['-y', KEY('xfr')], input), { status: 0, stderr: '' }, lines.join(', '))
    }
    const child = { view: 'all', zone: 'child.example.', parent: 'example.' }

    t.strictSame(await look('child.example.'), child, 'BIND delegates it as it should')
    t.strictSame(
      await look('wide.example.'),
      { ...child, zone: 'wide.example.' },
      'RFC 7766 §5: a referral that was cut, too',
    )

    await update('update add child.example 60 NS another.elsewhere.test.')
    t.match(await look('child.example.'), {
      problem: 'example. has the NS another.elsewhere.test., which the zone does not name',
    })
    await update('update delete child.example NS another.elsewhere.test.', 'update add ns.child.example 60 A 127.0.0.9')
    t.match(await look('child.example.'), { problem: /has the address 127\.0\.0\.9 of ns\.child\.example\./ })
    await update(
      'update delete ns.child.example A 127.0.0.9',
      `update add child.example 60 DS 1 13 2 ${'AB'.repeat(32)}`,
    )
    t.match(await look('child.example.'), { problem: /a DS of none of the zone's keys/ })
    const { stdout } = await daemon.cli('zone', 'dnssec', 'child.example')
    const ds = /^child\.example\. \d+ IN (DS .*)$/m.exec(stdout)?.[1]
    t.ok(ds, stdout)
    await update('update delete child.example DS', `update add child.example 60 ${ds}`)
    t.strictSame(await look('child.example.'), child, 'its DS leads to a key')

    const parent = 'test.'
    t.strictSame(await look('wide.test.'), { view: 'all', zone: 'wide.test.', parent }, 'NSD, and what it has cut')
    t.match(await look('child.test.'), { parent, problem: 'test. lacks the NS ns.child.test.' })
    await stopPeer(nsd.process)
    t.match(await look('child.test.'), { unknown: /127\.0\.0\.52/ }, 'where nobody can be asked nothing is claimed')
  },
)
