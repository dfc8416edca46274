import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { compilePattern } from '../../config/pattern.ts'
import type { ZoneConfig } from '../../config/schema.ts'
import { parseName } from '../../dns/name.ts'
import { printRecord, Type } from '../../dns/types.ts'
import { printZonefile } from '../../dns/zonefile.ts'
import { silentLog } from '../../host/log.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { createKeyRings } from '../../zones/keys/keys.ts'
import { isIn } from '../../zones/keys/state.ts'
import { openPrimary, type PrimaryZone } from '../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { newKey } from '../dns/new-key.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { createSeededRandom } from '../simulation/random.ts'
import { memoryKeyFiles } from '../zones/signed-zone.ts'
import { configText, Daemon, type Ports, ZONE } from './daemon.ts'
import { run, scratch, without } from './tools.ts'
import { delv, startUnbound } from './validators.ts'

t.setTimeout(300_000)

type Dnssec = NonNullable<ZoneConfig['dnssec']>
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const ORIGIN = parseName('a.example.')
const FILE = `$ORIGIN a.example.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
*.wild TXT "any"
a.deep A 192.0.2.7
sub NS ns.sub
ns.sub A 192.0.2.54
`
const SIGN: Dnssec = {
  ...{ sign: true, algorithm: 'ecdsa-p256', keys: 'csk', nsec3: false },
  ...{ propagation_delay: 5 * MINUTE, parent_propagation_delay: 5 * MINUTE, parent_ds_ttl: HOUR },
}

const SPLIT: Dnssec = { ...SIGN, keys: 'ksk-zsk', nsec3: true }

/** Data, a wildcard, an empty non-terminal, nothing, a delegation, the keys. */
const QUESTIONS = ['www A', 'x.wild TXT', 'deep A', 'nothing A', 'sub DS', '@ DNSKEY']

function writeZone(zone: PrimaryZone, folder: string): string {
  const file = join(folder, 'zone')
  writeFileSync(file, printZonefile(recordsOfVersion(zone.image!.latest()), ORIGIN))
  return file
}

/** What the tools that check whole zones say against this one, as of now. */
async function faults(zone: PrimaryZone, folder: string): Promise<string[]> {
  const file = writeZone(zone, folder)
  const ran = await Promise.all([
    run('dnssec-verify', ['-z', '-o', 'a.example', file]),
    run('ldns-verify-zone', [file]),
    // It takes a zone with several keys, all of them with the flag SEP, for one that nothing signs.
    ...(areKeysOnlyCsk(zone) ? [] : [run('kzonecheck', ['-o', 'a.example', '-d', 'on', file])]),
  ])
  return ran.flatMap(({ status, stdout, stderr }) => (status === 0 ? [] : [stdout + stderr]))
}

/** What validators that begin with the parent's DS do not believe. */
async function disbelieved(t: Test, zone: PrimaryZone, anchors: readonly string[], folder: string): Promise<string[]> {
  const judged = { apex: 'a.example.', anchors, folder }
  const unbound = await startUnbound(t, judged, writeZone(zone, folder))
  const found: string[] = []
  for (const question of QUESTIONS) {
    const [flags, said] = await Promise.all([unbound.flagsOf(question), delv(judged, unbound.port, question)])
    if (!/\bad\b/.test(flags)) found.push(`unbound: ${question}: ${flags}`)
    if (!/fully validated/.test(said)) found.push(`delv: ${question}: ${said}`)
  }
  await unbound.stop()
  return found
}

/** The DS that the zone asks its parent for (RFC 7344 §4). */
function askedOf(zone: PrimaryZone): string[] {
  const rdatas = zone.keyRing!.cds()
  return rdatas.map(rdata => printRecord({ owner: ORIGIN, type: Type.DS, class: 1, ttl: 3600, rdata }))
}

function areKeysOnlyCsk(zone: PrimaryZone): boolean {
  const published = zone.keyRing!.keys.filter(({ publication }) => isIn(publication))
  return published.length > 1 && published.every(({ role }) => role === 'csk')
}

const tools = without('dnssec-verify', 'ldns-verify-zone', 'kzonecheck', 'unbound', 'delv', 'dig')
for (const [what, first, next] of [
  ['a CSK', SIGN, SIGN],
  ['a KSK and a ZSK, NSEC3', SPLIT, SPLIT],
  ['another algorithm', SIGN, { ...SIGN, algorithm: 'ed25519', keys: 'ksk-zsk' }],
] as [string, Dnssec, Dnssec][])
  t.test(`${what}: the zone verifies at every step of a rollover`, { skip: tools }, async t => {
    const folder = scratch(t)
    // It ends before now, for the tools have no other clock.
    const clock = createSimulatedClock(Date.now() - 4 * DAY)
    const update = [{ key: parseName('k.'), names: [compilePattern('**')], own: false, wildcards: true }]
    const config = (dnssec: Dnssec) =>
      ({
        ...{ name: ORIGIN, type: 'primary', dynamic: true, update, transfer: [], notify: [], hide_private: false },
        ...{ file: '/z', dnssec },
      }) as unknown as ZoneConfig
    const zone = await openPrimary('v', config(first), {
      ...{ store: createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS)), clock, log: silentLog },
      ...{ serverName: parseName('ns1.example.'), readFile: () => FILE, random: createSeededRandom(1) },
      keyRings: createKeyRings(memoryKeyFiles(), clock, { newKey: async code => newKey(code) }),
    })
    const ring = zone.keyRing!
    const states = new Set<string>()
    let parent: string[] = []
    const follow = async (hours: number) => {
      for (let i = 0; i < hours * 2; i++) {
        await clock.advance(HOUR / 2)
        const state = JSON.stringify([ring.keys.map(key => [key.keyTag, key.publication, key.signing, key.trust])])
        if (!states.has(state)) {
          t.same(await faults(zone, folder), [], `step ${states.size}`)
          if (parent.length > 0) t.same(await disbelieved(t, zone, parent, folder), [], `step ${states.size}, believed`)
        }
        states.add(state)
        if (!ring.isWaitingForParent) continue
        parent = askedOf(zone)
        await ring.dsSeen()
      }
    }
    await follow(6)
    await zone.reload(config(next))
    if (first === next) await ring.rollover()
    else t.not(ring.keys.length, 1)
    await follow(24)
    t.ok(states.size > 6, `${states.size} steps`)
    t.notOk(
      ring.keys.some(({ retired }) => retired !== undefined),
      'it is over',
    )
    await zone.close()
  })

const APEX = 'internal.example.com.'
for (const algorithm of ['ECDSAP256SHA256', 'RSASHA256', 'ED25519'])
  t.test(
    `${algorithm}: a zone signed by BIND moves here with its keys`,
    { skip: without('dnssec-keygen', 'dnssec-signzone', 'dnssec-dsfromkey', 'delv') },
    async t => {
      const keys = scratch(t)
      const bits = algorithm === 'RSASHA256' ? ['-b', '2048'] : []
      for (const flags of [['-f', 'KSK'], []])
        await run('dnssec-keygen', ['-K', keys, '-a', algorithm, ...bits, ...flags, APEX])
      const files = readdirSync(keys).filter(name => name.endsWith('.key'))
      writeFileSync(join(keys, 'zone'), `$ORIGIN ${APEX}\n${ZONE}`)
      const signed = await run('dnssec-signzone', [
        ...['-S', '-d', keys, '-K', keys, '-o', APEX],
        ...['-f', join(keys, 'signed'), join(keys, 'zone')],
      ])
      t.equal(signed.status, 0, signed.stderr)
      const ksk = files.find(name => readFileSync(join(keys, name), 'utf8').includes(' 257 '))!
      const ds = (await run('dnssec-dsfromkey', ['-2', join(keys, ksk)])).stdout.trim()

      const config = (ports: Ports) =>
        configText(ports).replace(
          '        dynamic: true\n',
          `        dynamic: true\n        dnssec: { sign: true, keys: ksk-zsk, algorithm: ${{ ECDSAP256SHA256: 'ecdsa-p256', RSASHA256: 'rsa-sha256', ED25519: 'ed25519' }[algorithm]} }\n`,
        )
      const daemon = await Daemon.start(t, { zone: readFileSync(join(keys, 'signed'), 'utf8'), config })
      const done = await daemon.cli('zone', 'dnssec', 'import', APEX, ...files.map(name => join(keys, name)))
      t.equal(done.status, 0, done.stderr)
      const { stdout } = await daemon.cli('zone', 'dnssec', APEX, '--view', 'inside', '--json')
      const shown = JSON.parse(stdout) as { ds: string[]; keys: { role: string; stage: string }[] }
      t.same(
        shown.ds.map(line => line.split(/\s+/).slice(-4).join(' ').toLowerCase()),
        [ds.split(/\s+/).slice(-4).join(' ').toLowerCase()],
      )
      t.same(shown.keys.map(({ role }) => role).sort(), ['ksk', 'zsk'])
      const judged = { apex: APEX, anchors: [ds], folder: daemon.folder }
      for (const question of ['www A', 'nothing A', '@ DNSKEY'])
        t.match(await delv(judged, daemon.ports.dns, question), /fully validated/, question)
      t.match(await daemon.cli('zone', 'dnssec', 'ds-seen', APEX), {
        status: 1,
        stderr: /nothing is waiting for the parent/,
      })
      const again = await daemon.cli('zone', 'dnssec', 'import', APEX, join(keys, files[0]!))
      t.match(again, { status: 1, stderr: /has keys that its parent may know/ })
    },
  )
