import t from 'tap'
import { addressBytes } from '../../config/address.ts'
import { compilePattern } from '../../config/pattern.ts'
import type { ZoneConfig } from '../../config/schema.ts'
import { Ede, Rcode } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { openPrimary, type PrimaryZone } from '../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { FaultyDatabase } from './faulty-database.ts'
import { lines, NS, ORIGIN, SOA, updateMessage, zoneLines } from './lines.ts'

const RULES: ZoneConfig['update'] = [
  {
    key: parseName('dns.'),
    names: [compilePattern('**')],
    own: true,

    wildcards: false,
  },
  {
    key: parseName('admin.'),
    names: [compilePattern('**'), compilePattern('a.example')],
    own: false,

    wildcards: true,
  },
]

const config = (more: Partial<ZoneConfig> = {}) =>
  ({
    name: ORIGIN,
    type: 'primary',
    dynamic: true,
    update: RULES,
    transfer: [],
    notify: [],
    hide_private: false,
    ...more,
  }) as ZoneConfig

/** A zone's text as a file has it. */
const file = (serial: number, ...rest: string[]) => [SOA.replace(' 10 ', ` ${serial} `), NS, ...rest].join('\n')

/** One machine: its disk, its files, and what its daemon logs. Opening a zone again is a restart. */
function machine() {
  const database = new FaultyDatabase(openMemoryDatabase(ZONE_MIGRATIONS))
  const files = new Map<string, string>()
  const logged: { level: string; fields: Record<string, unknown>; message: string }[] = []
  const level = (name: string) => (fields: object, message: string) => {
    logged.push({ level: name, fields: fields as Record<string, unknown>, message })
  }
  const log: Log = {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
    child: () => log,
  }
  const replaced: PrimaryZone[] = []
  const clock = createSimulatedClock()
  const open = (more?: Partial<ZoneConfig>) =>
    openPrimary('inside', config(more), {
      store: createZoneStore(database),
      clock,
      log,
      serverName: parseName('ns1.server.example.'),
      readFile: path => {
        const text = files.get(path)
        if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`)
        return text
      },
      onReplaced: zone => replaced.push(zone),
    })
  return { database, files, logged, open, replaced, clock }
}

const shown = (zone: PrimaryZone) => lines(recordsOfVersion(zone.contents))
const send = (zone: PrimaryZone, key: string, updates: string[], mac?: Uint8Array) =>
  zone.update(updateMessage({ updates }), {
    key: parseName(key),
    address: addressBytes('192.0.2.7')!,
    ...(mac ? { mac } : {}),
  })
const A = 'www 60 IN A 192.0.2.1'
const B = 'mail 60 IN A 192.0.2.2'

t.test('a dynamic zone without a file begins with an SOA and an NS of our own name', async t => {
  const zone = await machine().open()
  t.same(shown(zone), [
    'a.example. 3600 IN NS ns1.server.example.',
    'a.example. 3600 IN SOA ns1.server.example. hostmaster.a.example. 1 3600 600 1209600 60',
  ])
})

t.test('a dynamic zone begins with its file, and comes back with its updates', async t => {
  const { open, files } = machine()
  files.set('/z', file(10, A))
  const zone = await open({ file: '/z' })
  t.same(shown(zone), zoneLines(10, [A]))
  t.match(await send(zone, 'dns.', [B]), { rcode: Rcode.NOERROR, reason: '' })
  await zone.close()
  const again = await open({ file: '/z' })
  t.same(shown(again), zoneLines(11, [A, B]))
  t.match(await send(again, 'admin.', ['mail 60 IN A 192.0.2.3']), { rcode: Rcode.NOERROR })
  t.match(
    await send(again, 'dns.', ['mail 0 ANY A']),
    { rcode: Rcode.REFUSED, reason: /another key holds mail/ },
    'it remembers who added what',
  )
})

t.test('an update says in the log what it did, what was ignored, and why it was refused', async t => {
  const { open, logged } = machine()
  const zone = await open()
  await send(zone, 'dns.', [A, 'www 60 IN CNAME other'])
  t.match(logged, [
    {
      level: 'info',
      message: 'zone updated',
      fields: { key: 'dns.', from: '192.0.2.7', added: 2, deleted: 1, serial: 2 },
    },
    { level: 'warn', fields: { what: /^add www\.a\.example\. 60 IN CNAME .* no CNAME can be$/ } },
  ])
  t.match(await send(zone, 'nobody.', [A]), { rcode: Rcode.REFUSED, ede: Ede.PROHIBITED })
  t.match(logged.at(-1), {
    level: 'warn',
    message: 'update refused',
    fields: { key: 'nobody.', reason: /no update rule of the zone names the key nobody\./ },
  })
  t.match(await zone.update(updateMessage({ updates: [A] }), {}), { rcode: Rcode.REFUSED, reason: 'it is not signed' })
})

t.test('whom no rule could allow learns nothing of the zone by prerequisites', async t => {
  const zone = await machine().open()
  const message = updateMessage({ prerequisites: ['nobody 0 ANY ANY'] })
  t.match(await zone.update(message, { key: parseName('nobody.') }), { rcode: Rcode.REFUSED })
  t.match(await zone.update(message, { key: parseName('dns.') }), { rcode: Rcode.NXDOMAIN })
})

t.test('a repeated message gets its first reply, and is not executed again', async t => {
  const zone = await machine().open()
  const mac = Uint8Array.of(1, 2, 3)
  t.match(await send(zone, 'dns.', [A], mac), { rcode: Rcode.NOERROR })
  t.match(await send(zone, 'dns.', ['www 0 ANY A']), { rcode: Rcode.NOERROR })
  t.match(await send(zone, 'dns.', [A], mac), { rcode: Rcode.NOERROR })
  t.equal(shown(zone).length, 2, 'it stays deleted')
})

t.test('RFC 8945 §5.2.3: nor is it after a restart, for as long as its signature could be accepted', async t => {
  const { open, clock } = machine()
  const zone = await open()
  const mac = Uint8Array.of(1, 2, 3)
  await send(zone, 'dns.', [A], mac)
  await send(zone, 'dns.', ['www 0 ANY A'])
  await zone.close()
  const again = await open()
  t.match(await send(again, 'dns.', [A], mac), { rcode: Rcode.NOERROR })
  t.equal(shown(again).length, 2, 'it stays deleted')
  await again.close()
  await clock.advance(3_600_000)
  const last = await open()
  t.match(await send(last, 'dns.', [A], mac), { rcode: Rcode.NOERROR })
  t.equal(shown(last).length, 3, 'then it is forgotten')
})

t.test('nor is one that changed nothing then, or was refused', async t => {
  const { open } = machine()
  const zone = await open()
  const macs = [1, 2].map(n => Uint8Array.of(n, 2, 3))
  const taken = { ...updateMessage({ prerequisites: ['www 0 NONE A'], updates: [B] }) }
  const requestor = { key: parseName('dns.'), mac: macs[1]! }
  await send(zone, 'dns.', [A])
  t.match(await send(zone, 'dns.', [A], macs[0]), { rcode: Rcode.NOERROR })
  t.match(await zone.update(taken, requestor), { rcode: Rcode.YXRRSET })
  await send(zone, 'dns.', ['www 0 ANY A'])
  await zone.close()
  const again = await open()
  t.match(await send(again, 'dns.', [A], macs[0]), { rcode: Rcode.NOERROR })
  t.match(await again.update(taken, requestor), { rcode: Rcode.YXRRSET })
  t.equal(shown(again).length, 2)
})

t.test('what a restart finds executed was committed; what was not is executed', async t => {
  const { open, database } = machine()
  const zone = await open()
  const mac = Uint8Array.of(1, 2, 3)
  database.next('fails')
  t.match(await send(zone, 'dns.', [A], mac), { rcode: Rcode.SERVFAIL })
  await zone.close()
  const again = await open()
  t.match(await send(again, 'dns.', [A], mac), { rcode: Rcode.NOERROR })
  t.equal(shown(again).length, 3)
})

t.test('an update that the disk refused is SERVFAIL, and its repetition is executed', async t => {
  const { open, database, logged } = machine()
  const zone = await open()
  const mac = Uint8Array.of(1, 2, 3)
  database.next('fails')
  t.match(await send(zone, 'dns.', [A], mac), {
    rcode: Rcode.SERVFAIL,
    reason: /could not be stored: database or disk is full/,
  })
  t.match(logged.at(-1), { level: 'error', message: 'update refused' })
  t.match(await send(zone, 'dns.', [A], mac), { rcode: Rcode.NOERROR })
  t.equal(shown(zone).length, 3)
})

t.test('a zone that is not dynamic is its file', async t => {
  const { open, files, replaced, logged } = machine()
  files.set('/z', file(10, A))
  const zone = await open({ dynamic: false, file: '/z' })
  t.same(shown(zone), zoneLines(10, [A]))
  t.match(await send(zone, 'admin.', [B]), { rcode: Rcode.REFUSED, reason: 'the zone is not dynamic' })
  const generation = zone.image!.generation()
  files.set('/z', file(9, B))
  await zone.reload(config({ dynamic: false, file: '/z' }))
  t.same(shown(zone), zoneLines(9, [B]))
  t.ok(zone.image!.generation() > generation)
  t.equal(replaced.length, 1)
  t.match(logged.at(-1), { level: 'warn', fields: { serial: 9, before: 10 }, message: /its serial is not greater/ })
  const { image } = zone
  await zone.reload(config({ dynamic: false, file: '/z' }))
  t.equal(zone.image, image, 'a file that did not change is not read again')
  files.set('/z', 'nonsense')
  await t.rejects(zone.reload(config({ dynamic: false, file: '/z' })), { name: 'ZoneLoadError' })
  t.same(shown(zone), zoneLines(9, [B]), 'a file that is wrong leaves the zone as it was')
})

t.test('a zone may become dynamic, and cease to be', async t => {
  const { open, files } = machine()
  files.set('/z', file(10, A))
  const zone = await open({ dynamic: false, file: '/z' })
  await zone.reload(config({ file: '/z' }))
  t.match(await send(zone, 'dns.', [B]), { rcode: Rcode.NOERROR })
  t.same(shown(zone), zoneLines(11, [A, B]))
  await zone.reload(config({ dynamic: false, file: '/z' }))
  t.same(shown(zone), zoneLines(10, [A]))
  await zone.reload(config({ file: '/z' }))
  t.same(shown(zone), zoneLines(11, [A, B]), 'what was added is still there')
})

interface BaselineCase {
  before: string[]
  updates: [key: string, ...updates: string[]][]
  after: string[]
  serials?: [before: number, after: number]
  zone: string[]
  serial: number
  skipped?: RegExp
}
const baseline: Record<string, BaselineCase> = {
  'a record that the file adds is added': { before: [], updates: [], after: [A], zone: [A], serial: 11 },
  'a record that the file drops is deleted': { before: [A, B], updates: [], after: [B], zone: [B], serial: 11 },
  'a TTL that the file changes is changed': {
    before: [A],
    updates: [],
    after: ['www 5 IN A 192.0.2.1'],
    zone: ['www 5 IN A 192.0.2.1'],
    serial: 11,
  },
  'what a key added is left alone': { before: [A], updates: [['dns.', B]], after: [], zone: [B], serial: 12 },
  'what a key deleted stays deleted': {
    before: [A],
    updates: [['admin.', 'www 0 ANY A']],
    after: [A, B],
    zone: [B],
    serial: 12,
  },
  'what a key added again stays when the file drops it': {
    before: [A],
    updates: [
      ['admin.', 'www 0 ANY A'],
      ['admin.', A],
    ],
    after: [],
    zone: [A],
    serial: 12,
  },
  'a comment alone changes nothing': { before: [A], updates: [], after: [A, '; a comment'], zone: [A], serial: 10 },
  'a greater serial of the file is taken': {
    before: [A],
    updates: [['dns.', B]],
    after: [A],
    serials: [10, 99],
    zone: [A, B],
    serial: 99,
  },
  'a serial that the zone has passed is not': {
    before: [A],
    updates: [['dns.', B]],
    after: [],
    serials: [10, 11],
    zone: [B],
    serial: 12,
  },
  'a CNAME where a key has other data is skipped': {
    before: [],
    updates: [['dns.', A]],
    after: ['www 60 IN CNAME other'],
    zone: [A],
    serial: 11,
    skipped: /www\.a\.example\. 60 IN CNAME .* no CNAME can be/,
  },
}

for (const [name, { before, updates, after, serials, zone: expected, serial, skipped }] of Object.entries(baseline))
  t.test(`a changed file: ${name}`, async t => {
    const { open, files, logged } = machine()
    const [first, second] = serials ?? [10, 10]
    files.set('/z', file(first, ...before))
    const zone = await open({ file: '/z' })
    for (const [key, ...lines] of updates) t.match(await send(zone, key, lines), { rcode: Rcode.NOERROR })
    await zone.close()
    files.set('/z', file(second, ...after))
    const again = await open({ file: '/z' })
    t.same(shown(again), zoneLines(serial, expected))
    if (skipped) t.ok(logged.some(({ fields }) => skipped.test(String(fields['what']))))
    await again.reload(config({ file: '/z' }))
    t.same(shown(again), zoneLines(serial, expected), 'applied once')
  })

t.test('a record that the file takes up is the file’s from then on', async t => {
  const { open, files } = machine()
  files.set('/z', file(10))
  const zone = await open({ file: '/z' })
  await send(zone, 'dns.', [A])
  files.set('/z', file(10, A))
  await zone.reload(config({ file: '/z' }))
  t.match(await send(zone, 'dns.', ['www 0 ANY A']), { rcode: Rcode.REFUSED, reason: /the zone's file holds/ })
  files.set('/z', file(10))
  await zone.reload(config({ file: '/z' }))
  t.equal(shown(zone).length, 2)
})

t.test('a zone that began without a file takes over the one it gets', async t => {
  const { open, files } = machine()
  const zone = await open()
  await send(zone, 'dns.', [A])
  files.set('/z', file(1, B))
  await zone.reload(config({ file: '/z' }))
  t.same(shown(zone), zoneLines(3, [A, B]), 'our own SOA and NS give way, what a key added stays')
})

t.test('what was skipped is tried again when there is room for it', async t => {
  const { open, files } = machine()
  const cname = 'www 60 IN CNAME other'
  files.set('/z', file(10))
  const zone = await open({ file: '/z' })
  await send(zone, 'dns.', [A])
  files.set('/z', file(10, cname))
  await zone.reload(config({ file: '/z' }))
  await send(zone, 'dns.', ['www 0 ANY A'])
  files.set('/z', file(10, cname, '; once more'))
  await zone.reload(config({ file: '/z' }))
  t.same(shown(zone), zoneLines(13, [cname]))
})

t.test('all lines of the log about one update carry its request id', async t => {
  const { open, logged } = machine()
  const zone = await open()
  const about = async (requestId: string, key: string, updates: string[]) => {
    await zone.update(updateMessage({ updates }), { key: parseName(key), requestId })
    return logged.filter(({ fields }) => fields['requestId'] === requestId).map(({ message }) => message)
  }
  t.match(await about('one', 'admin.', ['www 60 IN CNAME a.example.', 'www 60 IN A 192.0.2.1']), [
    'zone updated',
    /^update ignored/,
  ])
  t.strictSame(await about('two', 'stranger.', ['www 60 IN A 192.0.2.1']), ['update refused'])
})

t.test('a file that is wrong stops the zone, with all that is wrong', async t => {
  const { open, files } = machine()
  files.set('/z', file(10, 'www 60 IN A 192.0.2.256', 'mail 60 IN MX'))
  await t.rejects(open({ file: '/z' }), { name: 'ZoneLoadError', message: /^\/z:3:.*\n\/z:4:.*$/ })
  await t.rejects(open({ file: '/missing' }), { message: /^\/missing:1:1: can't be read: ENOENT/ })
})
