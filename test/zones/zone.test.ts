import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { compareNames, concatNames, equalNames, type Name, parseName, printName, ROOT } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { makeRdata, parseRdataText, Type } from '../../dns/types.ts'
import { publishTogether, ZoneError, ZoneImage, type ZoneVersion } from '../../zones/zone.ts'
import { recordsOf } from './ask.ts'
import { PlainZone } from './plain-zone.ts'

const ORIGIN = parseName('Example.ORG.')

function soa(serial: number): ResourceRecord {
  return record(ORIGIN, Type.SOA, `ns host ${serial} 3600 600 86400 300`, 3600)
}

function record(owner: Name, type: number, text: string, ttl = 60): ResourceRecord {
  return { owner, type, class: 1, ttl, rdata: parseRdataText(type, text, ORIGIN) }
}

function a(owner: string, address: string, ttl = 60): ResourceRecord {
  return record(parseName(owner, ORIGIN), Type.A, address, ttl)
}

/** Everything a version says, compared with the plain zone of the same content. */
function equalZones(version: ZoneVersion, plain: PlainZone, probes: readonly Name[]): void {
  const told = [...version.rrsets()]
  if (told[0]?.type !== Type.SOA) throw new Error('the first RRset is not the SOA')
  const owners = told.map(({ owner }) => owner).filter((owner, i, all) => i === 0 || owner !== all[i - 1])
  const expected = plain.owners()
  same(distinct(owners).map(printName), expected.map(printName), 'owners')
  same(version.size(), plain.records.length, 'size')
  same(version.names(), expected.length, 'names')
  same(walked(version), told.flatMap(described), 'the records of a walk')
  for (const set of told) same(lines(set.rdatas), lines(plain.rrset(set.owner, set.type).map(r => r.rdata)), 'RRset')
  for (const name of probes) {
    same(version.exists(name), plain.exists(name), `whether ${printName(name)} exists`)
    same(version.typesAt(name), plain.types(name), `types at ${printName(name)}`)
    for (const type of plain.types(name)) {
      const set = version.rrset(name, type)
      const wanted = plain.rrset(name, type)
      same(lines(set?.rdatas ?? []), lines(wanted.map(r => r.rdata)), 'RRset by name')
      same(set?.ttl, wanted[0]!.ttl, 'TTL')
      same(printName(set!.owner), printName(wanted[0]!.owner), 'spelling')
    }
  }
}

function described({ owner, type, ttl, rdatas }: RRset): string[] {
  return rdatas.map(rdata => [printName(owner), type, ttl, Buffer.from(rdata).toString('hex')].join(' '))
}

function walked(version: ZoneVersion): string[] {
  const found: string[] = []
  for (const walk = version.walk(); walk.next(); ) {
    const rdata = walk.octets.slice(walk.at, walk.at + walk.length)
    const owner = walk.owner.slice(0, walk.ownerLength)
    found.push(...described({ owner, type: walk.type, ttl: walk.ttl, rdatas: [rdata] }))
  }
  return found
}

function distinct(owners: Name[]): Name[] {
  return owners.filter((owner, i) => i === 0 || !equalNames(owner, owners[i - 1]!))
}

function lines(rdatas: Uint8Array[]): string[] {
  return rdatas.map(rdata => Buffer.from(rdata).toString('hex'))
}

function same(found: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted))
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`)
}

/** Labels that are hard on an order: the escapes' own octets, prefixes of each other, upper case, the asterisk. */
const label = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'ab',
    'A',
    '*',
    '\0',
    '\x01',
    'a\0',
    'a\x01',
    'a\0\0',
    '\0a',
    '\x01\x01',
    '\x02',
    'z',
    '-',
    '\xff',
  ),
  fc.string({ unit: fc.constantFrom('\0', '\x01', '\x02', 'a', 'Z', '.'), minLength: 1, maxLength: 4 }),
)

const name = fc.array(label, { maxLength: 4 }).map(labels => {
  const octets = labels.flatMap(text => [text.length, ...Buffer.from(text, 'latin1')])
  return concatNames(Uint8Array.from([...octets, 0]), ORIGIN)!
})

const anyRecord = fc
  .record({ owner: name, type: fc.constantFrom(Type.A, Type.TXT, Type.NS, Type.AAAA), n: fc.nat(3), ttl: fc.nat(2) })
  .map(({ owner, type, n, ttl }): ResourceRecord => {
    const text =
      type === Type.A ? `192.0.2.${n}` : type === Type.AAAA ? `::${n}` : type === Type.NS ? `ns${n}` : `t${n}`
    return record(owner, type, text, ttl)
  })

t.test('what a change leads to is what a plain list of records says', async () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyRecord, { maxLength: 12 }), { maxLength: 8 }), fc.array(name), (steps, probes) => {
      let plain = new PlainZone([soa(1)])
      const image = ZoneImage.create(ORIGIN, plain.records, { slack: 100 })
      let version = image.latest()
      const history: [ZoneVersion, PlainZone][] = [[version, plain]]
      steps.forEach((step, i) => {
        // What is there goes, what is not comes: half of a step's records undo earlier ones.
        const deleted = step.filter(one => plain.rrset(one.owner, one.type).some(r => hex(r) === hex(one)))
        const added = step.filter(one => !deleted.includes(one))
        const change = { deleted: [soa(i + 1), ...unique(deleted)], added: [soa(i + 2), ...added] }
        plain = plain.after(change.deleted, change.added)
        version = image.apply(version, change)!
        history.push([version, plain])
      })
      const owners = plain.owners()
      // Earlier versions are as they were.
      for (const [one, wanted] of history) equalZones(one, wanted, [...probes, ...owners])
      equalZones(image.rebuild(version).latest(), plain, [...probes, ...owners])
      equalZones(ZoneImage.create(ORIGIN, scrambled(plain.records)).latest(), plain, [...probes, ...owners])
    }),
    { numRuns: 400 },
  )
})

function hex({ rdata }: ResourceRecord): string {
  return Buffer.from(rdata).toString('hex')
}

function unique(records: ResourceRecord[]): ResourceRecord[] {
  return records.filter(
    (r, i) => !records.slice(0, i).some(o => o.type === r.type && equalNames(o.owner, r.owner) && hex(o) === hex(r)),
  )
}

/** Owners out of order, records of each RRset in theirs. */
function scrambled(records: readonly ResourceRecord[]): ResourceRecord[] {
  return [...records].sort((x, y) => -compareNames(x.owner, y.owner))
}

t.test('an owner whose records all go takes the spelling of those that come in the same change', async t => {
  const image = ZoneImage.create(ORIGIN, [soa(1), a('www', '192.0.2.1'), a('www', '192.0.2.2')])
  const change = (deleted: ResourceRecord[], added: ResourceRecord[]) =>
    image.apply(image.latest(), { deleted: [soa(1), ...deleted], added: [soa(2), ...added] })!
  const spelling = (version: ZoneVersion) => printName(version.rrset(parseName('www', ORIGIN), Type.A)!.owner)
  const both = [a('www', '192.0.2.1'), a('www', '192.0.2.2')]
  t.equal(spelling(change(both, [a('WWW', '192.0.2.3')])), 'WWW.Example.ORG.')
  t.equal(spelling(change(both, [a('WWW', '192.0.2.1')])), 'WWW.Example.ORG.', 'though it is one of those that went')
  t.equal(spelling(change(both.slice(1), [a('WWW', '192.0.2.3')])), 'www.Example.ORG.', 'one that stays keeps its own')
})

t.test('names with several thousand neighbours, added and removed in waves', async t => {
  for (const seed of [1, 2, 3]) {
    const random = generator(seed)
    let plain = new Map<string, ResourceRecord>([['soa', soa(1)]])
    const image = ZoneImage.create(ORIGIN, plain.values(), { slack: 20_000 })
    let version = image.latest()
    for (let wave = 0; wave < 60; wave++) {
      const growing = wave % 20 < 12
      const change = { deleted: [soa(wave + 1)], added: [soa(wave + 2)] }
      plain = new Map(plain).set('soa', soa(wave + 2))
      for (let i = 0; i < 150; i++) {
        const owner = `${random(9)}-${random(40)}.${'x'.repeat(random(3) + 1)}${random(60)}${random(4) === 0 ? '.deep' : ''}`
        if (growing && !plain.has(owner)) {
          plain.set(owner, a(owner, '192.0.2.1'))
          change.added.push(plain.get(owner)!)
        }
        const victim = growing ? undefined : [...plain.keys()][random(plain.size)]
        if (victim && victim !== 'soa' && !change.added.includes(plain.get(victim)!)) {
          change.deleted.push(plain.get(victim)!)
          plain.delete(victim)
        }
      }
      version = image.apply(version, change)!
      image.publish(version)
    }
    const wanted = new PlainZone([...plain.values()])
    const owners = wanted.owners()
    const probes = owners.flatMap(owner => [
      owner,
      concatNames(Uint8Array.of(1, 0x61, 0), owner)!,
      owner.subarray(owner[0]! + 1),
    ])
    t.doesNotThrow(() => equalZonesFast(version, wanted, probes), `seed ${seed}: ${owners.length} names`)
    t.doesNotThrow(() => equalZonesFast(image.rebuild(version).latest(), wanted, probes), 'rebuilt')
  }
})

/** As `equalZones`, without the quadratic search of plain arrays. */
function equalZonesFast(version: ZoneVersion, plain: PlainZone, probes: readonly Name[]): void {
  const owners = plain.owners()
  same(distinct([...version.rrsets()].map(({ owner }) => owner)).map(printName), owners.map(printName), 'owners')
  same(version.names(), owners.length, 'names')
  const known = new Set(owners.map(owner => printName(owner).toLowerCase()))
  const existing = new Set(known)
  for (const owner of owners)
    for (let at = 0; owner.length - at >= ORIGIN.length; at += owner[at]! + 1)
      existing.add(printName(owner.subarray(at)).toLowerCase())
  for (const probe of probes) {
    const text = printName(probe).toLowerCase()
    same(version.typesAt(probe).length > 0, known.has(text), `owner ${text}`)
    same(version.exists(probe), existing.has(text), `name ${text}`)
  }
}

function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

t.test('a version', async t => {
  const records = recordsOf(
    'Example.ORG.',
    '@ 3600 IN SOA ns host 4294967295 1 2 3 4\n NS ns\nns A 192.0.2.1\nWww.Sub 60 A 192.0.2.2\n',
  )
  const image = ZoneImage.create(ORIGIN, records)
  const version = image.latest()
  t.equal(version.serial(), 4294967295, 'tells its serial')
  t.equal(version.size(), 4)
  t.equal(version.names(), 3)
  t.equal(
    printName(version.rrset(parseName('wWW.sUB.example.org.'), Type.A)!.owner),
    'Www.Sub.Example.ORG.',
    'keeps the case of owners',
  )
  t.same(version.typesAt(ORIGIN), [Type.NS, Type.SOA])
  t.equal(version.exists(parseName('sub.example.org.')), true, 'RFC 4592 §2.2.2: has empty non-terminals')
  t.equal(version.rrset(parseName('sub.example.org.'), Type.A), undefined)
  t.equal(version.exists(parseName('ub.example.org.')), false)
  t.equal(version.exists(parseName('org.')), false)
  t.equal(version.rrset(parseName('org.'), Type.A), undefined)
  t.same(version.typesAt(parseName('example.com.')), [])
  t.equal(image.latest(), version, 'costs nothing to take again')
})

t.test('publishing', async t => {
  const image = ZoneImage.create(ORIGIN, [soa(1)])
  const reader = ZoneImage.attach(image.buffer)
  const first = reader.latest()
  const generation = reader.generation()
  const second = image.apply(image.latest(), { deleted: [soa(1)], added: [soa(2), a('new', '192.0.2.1')] })!
  const third = image.apply(second, { deleted: [soa(2)], added: [soa(3)] })!
  t.equal(reader.latest().serial(), 1, 'an unpublished version is not seen')
  t.equal(reader.generation(), generation)
  image.publish(third)
  t.equal(reader.latest().serial(), 3, 'a published one is')
  t.equal(reader.generation(), generation + 1, 'and the generation rises by one')
  t.equal(first.serial(), 1, 'a version that was taken stays')
  t.equal(first.exists(parseName('new', ORIGIN)), false)
  const other = image.apply(second, { deleted: [soa(2)], added: [soa(9)] })!
  t.equal(third.serial(), 3, 'two versions may follow the same one')
  t.equal(other.serial(), 9)
  const rebuilt = image.rebuild(other)
  t.equal(rebuilt.generation(), image.generation() + 1, 'a rebuilt image counts on')
  t.equal(rebuilt.latest().serial(), 9)
  t.same(rebuilt.origin, image.origin)
})

t.test('another thread sees what was published', async t => {
  const image = ZoneImage.create(ORIGIN, [soa(1)])
  const zone = new URL('../../zones/zone.ts', import.meta.url).href
  const worker = new Worker(
    `import { parentPort, workerData } from 'node:worker_threads'
     const { ZoneImage } = await import(workerData.zone)
     const image = ZoneImage.attach(workerData.buffer)
     parentPort.on('message', name => parentPort.postMessage([image.latest().serial(), image.latest().exists(name)]))`,
    { eval: true, workerData: { zone, buffer: image.buffer } },
  )
  const ask = (name: Name) =>
    new Promise(resolve => {
      worker.once('message', resolve)
      worker.postMessage(name)
    })
  t.same(await ask(parseName('new', ORIGIN)), [1, false])
  image.publish(image.apply(image.latest(), { deleted: [soa(1)], added: [soa(2), a('new', '192.0.2.1')] })!)
  t.same(await ask(parseName('new', ORIGIN)), [2, true])
  await worker.terminate()
})

t.test('versions of two images that are published together', async t => {
  const images = [
    ZoneImage.create(ORIGIN, [soa(1)], { slack: 1e4 }),
    ZoneImage.create(ORIGIN, [soa(1)], { slack: 1e4 }),
  ]
  const zone = new URL('../../zones/zone.ts', import.meta.url).href
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(
    `import { parentPort, workerData } from 'node:worker_threads'
     const { ZoneImage } = await import(workerData.zone)
     const images = workerData.buffers.map(buffer => ZoneImage.attach(buffer))
     const serial = image => image.latest().serial()
     parentPort.postMessage('reading')
     const counts = { read: 0, torn: 0, seen: 0 }
     for (let last = 0; Atomics.load(workerData.stop, 0) === 0; counts.read++) {
       const [first, second] = counts.read % 2 ? images : images.toReversed()
       const now = serial(first)
       if (serial(second) < now) counts.torn++
       if (now !== last) counts.seen++
       last = now
     }
     parentPort.postMessage(counts)`,
    { eval: true, workerData: { zone, stop, buffers: images.map(({ buffer }) => buffer) } },
  )
  await once(worker, 'message')
  for (let serial = 1; serial < 5000; serial++)
    publishTogether(
      images.map(image => image.apply(image.latest(), { deleted: [soa(serial)], added: [soa(serial + 1)] })!),
    )
  Atomics.store(stop, 0, 1)
  const [counts] = (await once(worker, 'message')) as [{ read: number; torn: number; seen: number }]
  t.equal(counts.torn, 0, `none of ${counts.read} readings, ${counts.seen} of them new, saw one without the other`)
  t.same(
    images.map(image => [image.latest().serial(), image.generation()]),
    [
      [5000, 5000],
      [5000, 5000],
    ],
  )
})

t.test('an image without room', async t => {
  const image = ZoneImage.create(ORIGIN, [soa(1)], { slack: 0 })
  const many = Array.from({ length: 200 }, (_, i) => a(`host${i}`, '192.0.2.1'))
  const change = { deleted: [soa(1)], added: [soa(2), ...many] }
  const used = image.used()
  t.equal(image.apply(image.latest(), change), undefined, 'says so')
  t.equal(image.used(), used, 'and is as it was')
  const larger = image.rebuild(image.latest(), { slack: 10 })
  t.equal(larger.apply(larger.latest(), change)?.size(), 201, 'its rebuilt successor has room')
})

t.test('what a zone cannot hold is refused and nothing changes', async t => {
  const image = ZoneImage.create(ORIGIN, [soa(1), a('www', '192.0.2.1')])
  const base = image.latest()
  const used = image.used()
  const cases: [string, ResourceRecord[], ResourceRecord[], RegExp][] = [
    ['an owner outside', [], [record(parseName('www.example.com.'), Type.A, '192.0.2.1')], /outside the zone/],
    ['the parent of the origin', [], [record(parseName('org.'), Type.A, '192.0.2.1')], /outside the zone/],
    [
      'a label that only ends like the origin',
      [],
      [record(parseName('www.notexample.org.'), Type.A, '192.0.2.1')],
      /outside/,
    ],
    ['a query type', [], [{ ...a('www', '192.0.2.1'), type: 255 }], /cannot be stored/],
    ['an SOA below the apex', [], [{ ...soa(2), owner: parseName('www', ORIGIN) }], /not at the apex/],
    ['a second SOA', [], [soa(2)], /exactly one SOA/],
    ['no SOA left', [soa(1)], [], /exactly one SOA/],
    ['deleting what is not there', [a('www', '192.0.2.2')], [], /not there/],
    ['deleting at a name that is not there', [a('w', '192.0.2.2')], [], /not there/],
  ]
  for (const [what, deleted, added, message] of cases) {
    t.throws(() => image.apply(base, { deleted, added }), { name: 'ZoneError', message }, what)
    t.equal(image.used(), used, 'nothing is left behind')
  }
  t.throws(() => ZoneImage.create(ORIGIN, []), ZoneError, 'a zone has an SOA')
  t.throws(() => ZoneImage.create(ORIGIN, [a('www', '192.0.2.1')]), /no SOA/)
  t.throws(() => ZoneImage.create(ORIGIN, [a('@', '192.0.2.1'), a('@.', '192.0.2.1')]), ZoneError)
  t.throws(() => ZoneImage.create(ORIGIN, [soa(1), soa(2)]), /second SOA/)
})

t.test('an RRset', async t => {
  const mx = (text: string) => record(parseName('m', ORIGIN), Type.MX, text)
  const image = ZoneImage.create(ORIGIN, [
    soa(1),
    mx('20 b'),
    mx('10 a'),
    mx('20 B'),
    a('w', '192.0.2.1', 300),
    a('w', '192.0.2.2', 60),
  ])
  const version = image.latest()
  const m = parseName('m', ORIGIN)
  const texts = (v: ZoneVersion) => v.rrset(m, Type.MX)!.rdatas.map(rdata => Buffer.from(rdata).toString('hex'))
  t.same(
    texts(version),
    lines([mx('20 b').rdata, mx('10 a').rdata]),
    'RFC 2181 §5: has no duplicates, names ignoring case, and keeps its order',
  )
  t.equal(version.rrset(parseName('w', ORIGIN), Type.A)?.ttl, 60, 'RFC 2181 §5.2: has one TTL, the lowest')
  const next = image.apply(version, { deleted: [soa(1), mx('20 B')], added: [soa(2), mx('5 c'), mx('10 A')] })!
  t.same(texts(next), lines([mx('10 A').rdata, mx('5 c').rdata]), 'deletes ignoring case, appends what is new')
  const unknown = { owner: m, type: 65280, class: 1, ttl: 2 ** 31 - 1, rdata: new Uint8Array(65535).fill(7) }
  const large = image.rebuild(next, { slack: 20 })
  const last = large.apply(large.latest(), { deleted: [soa(2)], added: [soa(3), unknown] })!
  t.same(last.rrset(m, 65280)?.rdatas, [unknown.rdata], 'of the longest RDATA is kept')
  t.equal(last.rrset(m, 65280)?.ttl, 2 ** 31 - 1)
  t.same(last.typesAt(m), [Type.MX, 65280])
})

t.test('the root zone and the longest names', async t => {
  const rdata = makeRdata('SOA', { mname: ROOT, rname: ROOT, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 })
  const root: ResourceRecord = { owner: ROOT, type: Type.SOA, class: 1, ttl: 1, rdata }
  const longest = Uint8Array.from([...Array.from({ length: 127 }, () => [1, 0]).flat(), 0])
  const wide = Uint8Array.from([...[63, 63, 63, 61].flatMap(size => [size, ...new Array(size).fill(1)]), 0])
  const records = [longest, wide].map(owner => ({
    owner,
    type: Type.A,
    class: 1,
    ttl: 1,
    rdata: Uint8Array.of(1, 2, 3, 4),
  }))
  const version = ZoneImage.create(ROOT, [root, ...records]).latest()
  t.equal(version.exists(longest.subarray(2)), true)
  t.equal(version.exists(longest.subarray(100)), true)
  t.equal(version.exists(wide.subarray(64)), true)
  t.same(
    [...version.rrsets()].map(({ owner }) => owner),
    [ROOT, longest, wide].map(owner => owner),
    'in canonical order',
  )
})
