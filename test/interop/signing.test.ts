import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSeededRandom } from '../simulation/random.ts'
import { configText, Daemon, KEY, type Ports, ZONE } from './daemon.ts'
import { run, without } from './tools.ts'
import { delv, startUnbound } from './validators.ts'

t.setTimeout(300_000)

const APEX = 'internal.example.com.'
const SIGNED = `${ZONE}secure NS ns.secure
ns.secure A 192.0.2.54
secure DS 1 13 2 ${'AB'.repeat(32)}
a.deep.apps A 192.0.2.7
`
const UPDATES = 120
const CHECKED_EVERY = 40

/** Names of every kind of answer: data, alias, wildcard, empty non-terminal, nothing, delegations. */
const QUESTIONS = [
  'www A',
  'www AAAA',
  'www MX',
  'alias A',
  'x.wild TXT',
  'x.wild A',
  'wild A',
  'deep.apps A',
  'nothing A',
  'a.nothing.deep.apps A',
  '@ SOA',
  '@ DNSKEY',
  'secure DS',
  'sub DS',
]

for (const [kind, dnssec] of Object.entries({
  NSEC: '{ sign: true }',
  NSEC3: '{ sign: true, nsec3: true, keys: ksk-zsk, algorithm: ed25519 }',
})) {
  const needed = ['dnssec-verify', 'ldns-verify-zone', 'kzonecheck', 'nsupdate', 'dig', 'delv', 'unbound']
  t.test(`${kind}: validators accept the zone through updates and a restart`, { skip: without(...needed) }, async t => {
    const config = (ports: Ports) =>
      configText(ports).replace('        dynamic: true\n', `        dynamic: true\n        dnssec: ${dnssec}\n`)
    const daemon = await Daemon.start(t, { zone: SIGNED, config })
    const random = createSeededRandom(7)
    for (let i = 1; i <= UPDATES; i++) {
      await update(daemon, randomUpdate(random.below))
      if (i % CHECKED_EVERY === 0) t.same(await faults(daemon), [], `after ${i} updates`)
    }
    await daemon.end('SIGTERM')
    await daemon.restart()
    t.same(await faults(daemon), [], 'after a restart')

    const { stdout } = await daemon.cli('zone', 'dnssec', APEX, '--view', 'inside', '--json')
    const { ds } = JSON.parse(stdout) as { ds: string[] }
    t.equal(ds.length, 1)
    const judged = { apex: APEX, anchors: ds, folder: daemon.folder }
    for (const question of QUESTIONS)
      t.match(await delv(judged, daemon.ports.dns, question), /fully validated/, question)
    const unbound = await startUnbound(t, judged, daemon.ports.dns)
    for (const question of QUESTIONS) t.match(await unbound.flagsOf(question), /\bad\b/, `unbound: ${question}`)
  })
}

t.test(
  'between NSEC and NSEC3 a zone changes in one version: no answer mixes them, and validators accept each',
  { skip: without('dnssec-verify', 'ldns-verify-zone', 'kzonecheck', 'dig', 'delv', 'unbound') },
  async t => {
    const withProofs = (ports: Ports, nsec3: boolean) =>
      configText(ports).replace(
        '        dynamic: true\n',
        `        dynamic: true\n        dnssec: { sign: true, nsec3: ${nsec3} }\n`,
      )
    const daemon = await Daemon.start(t, { zone: SIGNED, config: ports => withProofs(ports, false) })
    const { stdout } = await daemon.cli('zone', 'dnssec', APEX, '--view', 'inside', '--json')
    const { ds } = JSON.parse(stdout) as { ds: string[] }
    const judged = { apex: APEX, anchors: ds, folder: daemon.folder }
    const unbound = await startUnbound(t, judged, daemon.ports.dns)
    for (const [round, nsec3] of [true, false].entries()) {
      const before = await serialOf(daemon)
      writeFileSync(daemon.file, withProofs(daemon.ports, nsec3))
      let reloaded = false
      const reload = daemon.cli('reload').finally(() => (reloaded = true))
      const kinds: string[] = []
      for (let i = 0; !reloaded; i++) {
        kinds.push(...(await kindsOfProof(daemon, `r${round}x${i}`)))
        t.match(await unbound.flagsOf(`u${round}x${i} A`), /\bad\b/, 'unbound')
      }
      t.equal((await reload).status, 0)
      kinds.push(...(await kindsOfProof(daemon, `r${round}end`)))
      t.same(
        kinds.filter(kind => kind !== 'NSEC' && kind !== 'NSEC3'),
        [],
        'each answer has proofs of one kind',
      )
      t.equal(kinds.at(-1), nsec3 ? 'NSEC3' : 'NSEC')
      t.equal(await serialOf(daemon), before + 1)
      t.same(await faults(daemon), [])
      for (const question of QUESTIONS) {
        t.match(await delv(judged, daemon.ports.dns, question), /fully validated/, question)
        t.match(await unbound.flagsOf(question), /\bad\b/, `unbound: ${question}`)
      }
    }
  },
)

async function serialOf({ ports }: Daemon): Promise<number> {
  const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(ports.dns), '+short', APEX, 'SOA'])
  return Number(stdout.split(' ')[2])
}

/** The kinds of proof in answers to names that are not there, one for each: "NSEC", "NSEC3", or what else there was. */
async function kindsOfProof({ ports, folder }: Daemon, prefix: string): Promise<string[]> {
  const file = join(folder, 'nothing')
  writeFileSync(file, Array.from({ length: 50 }, (_, i) => `${prefix}n${i}.${APEX} A\n`).join(''))
  const args = ['@127.0.0.1', '-p', String(ports.dns), '+dnssec', '+noall', '+comments', '+authority', '-f', file]
  const { stdout } = await run('dig', args)
  const answers = stdout.split(';; Got answer:').slice(1)
  return answers.map(text => {
    const kinds = new Set([...text.matchAll(/\sIN\s+(NSEC3?)\s/g)].map(([, kind]) => kind!))
    const proved = kinds.size > 0 && text.includes('status: NXDOMAIN')
    return proved ? [...kinds].join('+') : text
  })
}

function randomUpdate(below: (limit: number) => number): string {
  const suffix = ['', '.a', '.a.b', '.*'][below(4)]!
  const name = `r${below(20)}${suffix}.apps.${APEX}`
  return below(10) < 6 ? `update add ${name} 60 A 192.0.2.${below(256)}` : `update delete ${name}`
}

async function update({ ports }: Daemon, line: string): Promise<void> {
  const input = `server 127.0.0.1 ${ports.dns}\ncheck-names off\nzone ${APEX}\n${line}\nsend\n`
  const { status, stderr } = await run('nsupdate', ['-y', KEY('externaldns')], { input })
  if (status !== 0) throw new Error(`${line}: ${stderr}`)
}

/** What the tools that check whole zones say against it. */
async function faults({ ports, folder }: Daemon): Promise<string[]> {
  const args = ['@127.0.0.1', '-p', String(ports.dns), '-y', KEY('xfr'), '+noall', '+answer', '+onesoa', APEX, 'AXFR']
  const { stdout } = await run('dig', args)
  const file = join(folder, 'transferred')
  writeFileSync(file, stdout)
  const ran = await Promise.all([
    run('dnssec-verify', ['-z', '-o', APEX, file]),
    run('ldns-verify-zone', [file]),
    run('kzonecheck', ['-o', APEX, '-d', 'on', file]),
  ])
  return ran.flatMap(({ status, stdout, stderr }) => (status === 0 ? [] : [stdout + stderr]))
}
