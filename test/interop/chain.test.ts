import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Daemon, ZONE } from './daemon.ts'
import { buildCoredns, startCoredns, withoutCoredns } from './peers/coredns.ts'
import { startKnot } from './peers/knot.ts'
import { startNsd } from './peers/nsd.ts'
import { eventually, freePorts, run, scratch, stopPeer } from './tools.ts'
import { buildZone } from './validation/laboratory.ts'
import type { LabZone } from './validation/zones.ts'

t.setTimeout(960_000)

/** Below "lab.", served by NSD; the root and "lab." by Knot. */
const LEAVES: LabZone[] = [
  { name: 'plain' },
  { name: 'hashed', algorithm: 'ED25519', sign: ['-3', '-', '-H', '0'] },
  { name: 'open', unsigned: true },
  { name: 'expired', sign: ['-s', 'now-2592000', '-e', 'now-864000'] },
]
const HEAD = '$TTL 60\n@ SOA ns.lab. h.lab. 1 3600 600 86400 60\n@ NS ns.lab.\n'
const LEAF = `${HEAD}www A 192.0.2.1\n*.wild TXT "wild"\nalias CNAME www.hashed.lab.\nout CNAME www.open.lab.\n`

/** The tree's files by origin, signed from the leaves to the root, and the DS of its root. */
async function signTree(folder: string): Promise<{ files: Map<string, string>; anchor: string }> {
  const files = new Map<string, string>()
  const cuts: string[] = []
  for (const zone of LEAVES) {
    const ds = await buildZone(folder, `${zone.name}.lab.`, LEAF, zone, files)
    cuts.push(`${zone.name}.lab. NS ns.lab.`, ...ds)
  }
  const lab = `${HEAD}ns A 127.0.0.1\n${cuts.join('\n')}\n`
  const ds = await buildZone(folder, 'lab.', lab, { name: 'lab', sign: ['-3', '-', '-H', '0', '-A'] }, files)
  const root = `${HEAD}lab. NS ns.lab.\nns.lab. A 127.0.0.1\n${ds.join('\n')}\n`
  const [anchor] = await buildZone(folder, '.', root, { name: 'root', algorithm: 'RSASHA256' }, files)
  return { files, anchor: anchor! }
}

/** Asked as stub zones; the others by forward rules. */
const STUBS = new Set(['hashed', 'open', 'expired'])

/** The daemon: a signed zone of its own, and rules and stub zones that lead to both servers, all of it validated. */
function startDaemon(t: Test, folder: string, anchor: string, knot: number, nsd: number): Promise<Daemon> {
  writeFileSync(join(folder, 'root.ds'), `${anchor}\n`)
  const [stubs, rules] = [true, false].map(stub =>
    LEAVES.filter(({ name }) => STUBS.has(name) === stub)
      .map(({ name }) => `      - { zone: ${name}.lab, to: ["127.0.0.1:${nsd}"], dnssec: validate }`)
      .join('\n'),
  )
  return Daemon.start(t, {
    zone: ZONE,
    config: ({ dns }) => `data_dir: data
name: ns1.example
listen: { dns: ["127.0.0.1:${dns}"] }
workers: 1
views:
  - name: all
    recursion: [any]
    zones: [{ name: internal.example.com, file: internal.zone, dnssec: { sign: true } }]
    forward:
      - { zone: ".", to: ["127.0.0.1:${knot}"], dnssec: validate }
${rules}
    stub:
${stubs}
trust_anchors: [{ file: ${join(folder, 'root.ds')} }]
`,
  })
}

t.test(
  'a client, CoreDNS, the daemon, and a signed tree with its own root on Knot and NSD',
  { skip: withoutCoredns('dig', 'knotd', 'nsd', 'dnssec-signzone') },
  async t => {
    t.equal(await buildCoredns(), '')
    const folder = scratch(t)
    const { files, anchor } = await signTree(folder)
    const [port, knot, nsd] = (await freePorts(3)) as [number, number, number]
    const onKnot = ['.', 'lab.'].map(origin => `  - domain: "${origin}"\n    file: ${files.get(origin)}\n`)
    startKnot(t, { port: knot, sections: `zone:\n${onKnot.join('')}` })
    const leaves = [...files].filter(([origin]) => origin.split('.').length === 3)
    const { process } = startNsd(t, {
      port: nsd,
      clauses: leaves.map(([origin, file]) => `zone:\n  name: ${origin}\n  zonefile: ${file}\n`).join(''),
    })
    const daemon = await startDaemon(t, folder, anchor, knot, nsd)
    startCoredns(t, port, daemon.ports.dns)
    const ask = async (...args: string[]) => {
      const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=4', ...args])
      const records = [...stdout.matchAll(/^[^;\s]\S*\s+\d+\s+IN\s+(?!RRSIG|NSEC|SOA|DS)(.*)$/gm)].map(
        ([, rest]) => rest,
      )
      const ad = / ad[; ]/.test(stdout) ? 'ad' : 'no ad'
      return [/status: (\w+)/.exec(stdout)?.[1], ad, ...records.map(one => one!.replace(/\s+/, ' '))].join(', ')
    }
    t.ok(await eventually(async () => (await ask('+dnssec', 'www.plain.lab')).startsWith('NOERROR')), 'all are up')

    const rows: [sentence: string, args: string[], told: string][] = [
      ['a name of a secure zone', ['+dnssec', 'www.plain.lab'], 'NOERROR, ad, A 192.0.2.1'],
      ['the same over TCP', ['+dnssec', '+tcp', 'www.plain.lab'], 'NOERROR, ad, A 192.0.2.1'],
      ['one with NSEC3', ['+dnssec', 'www.hashed.lab'], 'NOERROR, ad, A 192.0.2.1'],
      ['a wildcard', ['+dnssec', 'a.b.wild.hashed.lab', 'TXT'], 'NOERROR, ad, TXT "wild"'],
      ['another name by it', ['+dnssec', 'c.b.wild.hashed.lab', 'TXT'], 'NOERROR, ad, TXT "wild"'],
      ['a name that is not there', ['+dnssec', 'nothing.plain.lab'], 'NXDOMAIN, ad'],
      ['a type that is not there', ['+dnssec', 'www.hashed.lab', 'MX'], 'NOERROR, ad'],
      ['a name of the root zone that is not there', ['+dnssec', 'nothing'], 'NXDOMAIN, ad'],
      ['an alias from zone to zone', ['+dnssec', 'alias.plain.lab'], 'NOERROR, ad, CNAME www.hashed.lab., A 192.0.2.1'],
      [
        'an alias to an unsigned zone',
        ['+dnssec', 'out.plain.lab'],
        'NOERROR, no ad, CNAME www.open.lab., A 192.0.2.1',
      ],
      ['an unsigned zone', ['+dnssec', 'www.open.lab'], 'NOERROR, no ad, A 192.0.2.1'],
      ['signatures that have expired', ['+dnssec', 'www.expired.lab'], 'SERVFAIL, no ad'],
      ['the same for who validates himself', ['+dnssec', '+cd', 'www.expired.lab'], 'NOERROR, no ad, A 192.0.2.1'],
      ['the DS of a zone', ['+dnssec', 'plain.lab', 'DS'], 'NOERROR, ad'],
      ['a name of our own signed zone', ['+dnssec', 'www.internal.example.com'], 'NOERROR, no ad, A 192.0.2.10'],
    ]
    for (const [sentence, args, told] of rows) t.equal(await ask(...args), told, sentence)

    await stopPeer(process)
    t.equal(await ask('+dnssec', 'www.plain.lab'), 'NOERROR, ad, A 192.0.2.1', 'NSD dead: what is cached is answered')
    t.equal(await ask('+dnssec', 'fresh.open.lab'), 'SERVFAIL, no ad', 'what is not is SERVFAIL')
    t.equal(await ask('+dnssec', 'm.plain.lab'), 'NXDOMAIN, ad', 'RFC 8198: what is proved is known')
    t.equal(await ask('+dnssec', 'www.internal.example.com'), 'NOERROR, no ad, A 192.0.2.10', 'our own names stay')
  },
)
