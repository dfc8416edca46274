import t from 'tap'
import { compilePattern } from '../../../config/pattern.ts'
import type { ZoneConfig } from '../../../config/schema.ts'
import { Rcode } from '../../../dns/codes.ts'
import { Rrsig } from '../../../dns/dnssec.ts'
import { parseName } from '../../../dns/name.ts'
import { printRdata, readRdata, Type } from '../../../dns/types.ts'
import { silentLog } from '../../../host/log.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { importZone } from '../../../zones/file/import.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { createKeyRings } from '../../../zones/keys/keys.ts'
import { openPrimary, type PrimaryZone } from '../../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import type { ZoneVersion } from '../../../zones/zone.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { lines, NS, ORIGIN, records, SOA, updateMessage } from '../lines.ts'
import { faultsOf, memoryKeyFiles } from '../signed-zone.ts'

type Dnssec = NonNullable<ZoneConfig['dnssec']>
const DAY = 86_400_000
const SIGN: Dnssec = {
  ...{ sign: true, algorithm: 'ed25519', keys: 'csk', nsec3: false },
  ...{ propagation_delay: 300_000, parent_propagation_delay: 3_600_000, parent_ds_ttl: DAY },
}
const NAME = parseName('dns.')

const RULE = { key: NAME, names: ['**', 'a.example'].map(compilePattern), own: false, wildcards: true }
/** Delegations too. */
const ANY_DATA = [{ ...RULE, types: [Type.A, Type.TXT, Type.CNAME, Type.DNAME, Type.NS, Type.DS] }]

const config = (more: Partial<ZoneConfig>) =>
  ({
    name: ORIGIN,
    type: 'primary',
    dynamic: true,
    update: [RULE],
    transfer: [],
    notify: [],
    hide_private: false,
    ...more,
  }) as ZoneConfig

/** One machine, its clock and its disk. Opening the zone again is a restart. */
function machine() {
  const clock = createSimulatedClock()
  const store = createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS))
  const keys = memoryKeyFiles()
  const files = new Map([['/z', [SOA, NS, 'ns 300 IN A 192.0.2.53'].join('\n')]])
  const open = (dnssec: Dnssec | undefined = SIGN, more: Partial<ZoneConfig> = {}, view = 'inside') =>
    openPrimary(view, config({ file: '/z', ...(dnssec && { dnssec }), ...more }), {
      store,
      clock,
      log: silentLog,
      serverName: parseName('ns1.server.example.'),
      readFile: path => files.get(path)!,
      keyRings: createKeyRings(keys, clock),
      random: createSeededRandom(7),
    })
  const faults = (zone: PrimaryZone) => faultsOf(zone.contents, Math.floor(clock.now() / 1000))
  return { clock, keys, files, open, faults }
}

async function send(zone: PrimaryZone, ...updates: string[]): Promise<number> {
  const { rcode } = await zone.update(updateMessage({ updates }), { key: NAME })
  return rcode
}

const rrset = (zone: PrimaryZone, name: string, type: number) =>
  zone.contents.rrset(name === '@' ? ORIGIN : parseName(name, ORIGIN), type)

for (const nsec3 of [false, true])
  for (const keys of ['csk', 'ksk-zsk'] as const) {
    const kind = `${nsec3 ? 'NSEC3' : 'NSEC'}, ${keys}`
    t.test(`${kind}: a zone is signed whole, and stays so through any updates`, async t => {
      const { open, faults } = machine()
      const zone = await open({ ...SIGN, nsec3, keys }, { update: ANY_DATA } as Partial<ZoneConfig>)
      t.same(faults(zone), [])
      const random = createSeededRandom(nsec3 ? 1 : 2)
      const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!
      const labels = ['a', 'b', 'B', '*', 'c']
      for (let i = 0; i < 150; i++) {
        const updates = Array.from({ length: 1 + random.below(3) }, () => {
          const name = Array.from({ length: 1 + random.below(3) }, () => pick(labels)).join('.')
          return pick([
            `${name} 60 IN A 192.0.2.${random.below(3)}`,
            `${name} ${pick([30, 60])} IN TXT "${random.below(3)}"`,
            `${name} 60 IN NS ns.${name}`,
            `${name} 60 IN DS 1 13 2 ${'AB'.repeat(32)}`,
            `${name} 60 IN CNAME other`,
            `${name} 60 IN DNAME other`,
            `${name} 0 ANY ANY`,
            `${name} 0 ANY ANY`,
            `${name} 0 ANY NS`,
            `${name} 0 ANY A`,
          ])
        })
        await send(zone, ...updates)
        const found = faults(zone)
        if (found.length > 0) return t.same(found, [], `after ${updates.join('; ')}`)
      }
      t.ok(zone.contents.names() > 5)
    })
  }

t.test('a signed zone comes back with the same keys and needs no new signatures', async t => {
  const { open, keys, faults } = machine()
  const zone = await open()
  t.equal(await send(zone, 'www 60 IN A 192.0.2.1'), Rcode.NOERROR)
  const before = lines(recordsOfVersion(zone.contents))
  await zone.close()
  t.same(
    [...keys.files].map(([name, { mode }]) => [name, mode]),
    [['a.example.json', 0o600]],
  )
  const again = await open()
  t.same(lines(recordsOfVersion(again.contents)), before)
  t.same(faults(again), [])
})

t.test('views share the keys of a name: the parent has one DS for all', async t => {
  const { open } = machine()
  const [inside, outside] = [await open(), await open(SIGN, {}, 'outside')]
  t.same(rrset(inside, '@', Type.DNSKEY), rrset(outside, '@', Type.DNSKEY))
})

t.test('CDS and CDNSKEY tell the parent of the key (RFC 7344), once it is of use to all', async t => {
  const { open, clock } = machine()
  const zone = await open({ ...SIGN, keys: 'ksk-zsk' })
  await clock.advance(3_600_000)
  t.notOk(rrset(zone, '@', Type.CDNSKEY))
  await clock.advance(600_000)
  const keys = rrset(zone, '@', Type.DNSKEY)!.rdatas
  const [ksk] = keys.filter(rdata => readRdata('DNSKEY', rdata).flags === 257)
  t.equal(keys.length, 2)
  t.same(rrset(zone, '@', Type.CDNSKEY)!.rdatas, [ksk])
  t.equal(readRdata('CDS', rrset(zone, '@', Type.CDS)!.rdatas[0]!).digestType, 2)
})

t.test('no signature ever lapses, and they do not all end at once', async t => {
  const { open, clock, faults } = machine()
  const zone = await open()
  for (let i = 0; i < 20; i++) await send(zone, `h${i} 60 IN A 192.0.2.1`)
  const ends = new Set<number>()
  const first = zone.contents.serial()
  for (let day = 0; day < 40; day++) {
    await clock.advance(DAY)
    t.same(faults(zone), [], `day ${day}`)
    for (const { rdatas } of zone.contents.rrsets(Type.RRSIG))
      for (const rrsig of rdatas) ends.add(Rrsig.expiration(rrsig))
  }
  t.ok(ends.size > 100)
  t.ok(zone.contents.serial() > first, 'secondaries hear of them')
  await zone.close()
  t.equal(clock.pending(), 0)
})

t.test('what lapsed while the daemon was down is signed anew before it is served', async t => {
  const { open, clock, faults } = machine()
  await (await open()).close()
  await clock.advance(60 * DAY)
  t.same(faults(await open()), [])
})

t.test('a zone that is not dynamic is signed as well, and stays its file', async t => {
  const { open, files, faults } = machine()
  const zone = await open(SIGN, { dynamic: false })
  t.same(faults(zone), [])
  t.equal(await send(zone, 'www 60 IN A 192.0.2.1'), Rcode.REFUSED)
  files.set('/z', `${files.get('/z')!.replace(' 10 ', ' 5 ')}\nwww 60 IN A 192.0.2.1`)
  const serial = zone.contents.serial()
  await zone.reload(config({ file: '/z', dynamic: false, dnssec: SIGN }))
  t.ok(rrset(zone, 'www', Type.A))
  t.same(faults(zone), [])
  t.ok(zone.contents.serial() > serial, 'the serial never goes back')
  files.set('/z', files.get('/z')!.replace(/www.*/, ''))
  await zone.reload(config({ file: '/z', dynamic: false, dnssec: SIGN }))
  t.notOk(rrset(zone, 'www', Type.A))
  t.same(faults(zone), [])
})

t.test('changes of a dynamic zone’s file and imports are signed', async t => {
  const { open, files, faults } = machine()
  const zone = await open()
  files.set('/z', `${files.get('/z')}\nwww 60 IN A 192.0.2.1\nsub 60 IN NS ns.sub\nns.sub 60 IN A 192.0.2.9`)
  await zone.reload(config({ file: '/z', dnssec: SIGN }))
  t.ok(rrset(zone, 'www', Type.RRSIG))
  t.same(faults(zone), [])
  const imported = records([SOA, NS, 'ns 300 IN A 192.0.2.53', 'new 60 IN A 192.0.2.2'])
  await zone.write({ key: undefined, source: 'import' }, tip => importZone(tip, imported, zone.signed))
  t.notOk(rrset(zone, 'www', Type.A))
  t.same(faults(zone), [])
  const whole = recordsOfVersion(zone.contents)
  const { change } = await zone.write({ key: undefined, source: 'import' }, tip => importZone(tip, whole, zone.signed))
  t.same(change, { deleted: [], added: [] }, 'what was exported comes in again and changes nothing')
})

t.test('signing may begin, change its proofs, and end', async t => {
  const { open, faults } = machine()
  const zone = await open({ ...SIGN, sign: false })
  const unsigned = () => lines(recordsOfVersion(zone.contents)).filter(line => !line.includes(' SOA '))
  const before = unsigned()
  for (const nsec3 of [false, true, false]) {
    await zone.reload(config({ file: '/z', dnssec: { ...SIGN, nsec3 } }))
    t.same(faults(zone), [])
    t.equal(rrset(zone, '@', Type.NSEC3PARAM) !== undefined, nsec3)
  }
  await zone.reload(config({ file: '/z', dnssec: { ...SIGN, sign: false } }))
  t.same(unsigned(), before)
})

for (const names of [3, 1010])
  t.test(`proofs of ${names} names change in one version, which secondaries get as one difference`, async t => {
    const { open, files, faults, clock } = machine()
    const hosts = Array.from({ length: names }, (_, i) => `h${i} 60 IN A 192.0.2.1`)
    files.set('/z', [SOA, NS, 'ns 300 IN A 192.0.2.53', ...hosts].join('\n'))
    const zone = await open()
    while (!rrset(zone, '@', Type.DNSKEY)) await clock.advance(100)
    for (const nsec3 of [true, false]) {
      const before = zone.contents
      await zone.reload(config({ file: '/z', dnssec: { ...SIGN, nsec3 } }))
      t.equal(zone.contents.serial(), before.serial() + 1)
      t.same(faults(zone), [])
      const kinds = new Set([...zone.contents.rrsets()].map(({ type }) => type))
      t.same([kinds.has(Type.NSEC), kinds.has(Type.NSEC3), kinds.has(Type.NSEC3PARAM)], [!nsec3, nsec3, nsec3])
      const shown = (version: ZoneVersion) => lines(recordsOfVersion(version))
      const data = (version: ZoneVersion) =>
        shown(version).filter(line => !/ (NSEC3?|RRSIG|NSEC3PARAM|SOA) /.test(line))
      t.same(data(zone.contents), data(before), 'nothing else changes')
      const difference = await zone.differencesSince(before.serial())
      if (!difference) continue
      const [gone, come] = [new Set(lines(difference.deleted)), lines(difference.added)]
      t.same(
        shown(before)
          .filter(line => !gone.has(line))
          .concat(come)
          .sort(),
        shown(zone.contents).sort(),
        'IXFR',
      )
    }
  })

t.test(
  "NSEC3 of other parameters, made by another signer with the zone's keys, give way to ours in one version",
  async t => {
    const { open, files, faults, clock } = machine()
    const first = await open(SIGN, { dynamic: false })
    await clock.advance(3 * 3_600_000)
    await first.close()
    const [dnskey] = rrset(first, '@', Type.DNSKEY)!.rdatas
    const salted = ['1 0 5 aabb', 'q04jkcevqvmu85r014c7dkba38o0ji5r']
    files.set(
      '/z',
      [
        ...[SOA, NS, 'ns 300 IN A 192.0.2.53', `@ 300 IN DNSKEY ${printRdata(Type.DNSKEY, dnskey!)}`],
        `@ 0 IN NSEC3PARAM ${salted[0]}`,
        `0p9mhaveqvm6t7vbl5lop2u3t2rp3tom 300 IN NSEC3 ${salted[0]} ${salted[1]} A RRSIG`,
        `${salted[1]} 300 IN NSEC3 ${salted[0]} 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NS SOA RRSIG DNSKEY NSEC3PARAM`,
      ].join('\n'),
    )
    const zone = await open({ ...SIGN, sign: false }, {}, 'elsewhere')
    t.same(faults(zone), [])
    t.same(
      rrset(zone, '@', Type.NSEC3PARAM)?.rdatas.map(rdata => printRdata(Type.NSEC3PARAM, rdata)),
      ['1 0 0 -'],
    )
    t.equal([...zone.contents.rrsets()].filter(({ type }) => type === Type.NSEC3).length, 2)
  },
)

for (const nsec3 of [false, true])
  t.test(`${nsec3 ? 'NSEC3' : 'NSEC'}: a large zone is signed by and by, and others change it meanwhile`, async t => {
    const { open, files, faults, clock } = machine()
    const names = Array.from({ length: 1100 }, (_, i) => `h${i} 60 IN A 192.0.2.1`)
    files.set('/z', [SOA, NS, 'ns 300 IN A 192.0.2.53', ...names].join('\n'))
    const start = () => open({ ...SIGN, nsec3 }, { update: ANY_DATA } as Partial<ZoneConfig>)
    let zone = await start()
    const isSigned = () => rrset(zone, '@', Type.DNSKEY) !== undefined
    for (let i = 0; !isSigned(); i++) {
      t.equal(await send(zone, `new${i}.h${i} 60 IN A 192.0.2.2`), Rcode.NOERROR)
      t.equal(await send(zone, `h${i * 7} 60 IN NS ns`, `h${i * 5 + 1} 0 ANY ANY`), Rcode.NOERROR)
      if (i === 2) {
        await zone.close()
        zone = await start()
      }
      await clock.advance(100)
    }
    t.same(faults(zone), [])
    t.ok(zone.contents.serial() > 10, 'in many changes')
  })

t.test('a zone that is its file stays signed until its DS is gone, and is its file again', async t => {
  const { open, clock, faults } = machine()
  const dynamic = false
  let zone = await open(SIGN, { dynamic })
  await clock.advance(3 * 3_600_000)
  await zone.reload(config({ file: '/z', dynamic }))
  t.same(faults(zone), [])
  t.ok(rrset(zone, '@', Type.DNSKEY))
  await zone.close()
  zone = await open({ ...SIGN, sign: false }, { dynamic })
  t.ok(rrset(zone, '@', Type.DNSKEY), 'after a restart too')
  t.equal(await send(zone, 'www 60 IN A 192.0.2.1'), Rcode.REFUSED)
  await zone.keyRing!.dsSeen()
  await clock.advance(2 * DAY)
  t.notOk(rrset(zone, '@', Type.DNSKEY))
  t.notOk(rrset(zone, '@', Type.RRSIG))
  await zone.close()
  zone = await open({ ...SIGN, sign: false }, { dynamic })
  t.notOk(zone.pipeline)
  t.same(rrset(zone, '@', Type.NS)?.rdatas.length, 1)
})

t.test('another TTL of negative answers is that of the proofs (RFC 9077 §3)', async t => {
  const { open, faults } = machine()
  const zone = await open(SIGN, { update: [{ ...RULE, types: [Type.SOA] }] } as Partial<ZoneConfig>)
  t.equal(await send(zone, '@ 300 IN SOA ns hostmaster 99 3600 600 86400 20'), Rcode.NOERROR)
  t.equal(rrset(zone, '@', Type.NSEC)!.ttl, 20)
  t.same(faults(zone), [])
})

t.test('what is the signer’s nobody else changes', async t => {
  const { open } = machine()
  const types = [Type.DNSKEY, Type.NSEC3PARAM, Type.CDS]
  const zone = await open(SIGN, { update: [{ ...RULE, types }] } as Partial<ZoneConfig>)
  t.equal(await send(zone, '@ 0 ANY DNSKEY'), Rcode.REFUSED)
  t.equal(await send(zone, '@ 60 IN NSEC3PARAM 1 0 0 -'), Rcode.REFUSED)
})

t.test('keys that can’t be read stop the zone, and are not shown', async t => {
  const { open, keys } = machine()
  await (await open()).close()
  keys.files.set('a.example.json', { text: '{"keys": [{"privateKey": "SECRET"}]}', mode: 0o600 })
  await t.rejects(open(), { name: 'KeyFileError', message: /^a\.example\.json: .*restore the file from a backup$/ })
})
