/** Memory and processor time of a zone in memory: `node bench/zone-image.ts [names]`, by default 1,000,000 names of one A record each. */
import { parseName } from '../dns/name.ts'
import { Query, readQuery } from '../dns/query.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { ResponseWriter } from '../dns/response.ts'
import { parseRdataText, Type } from '../dns/types.ts'
import { Answerer } from '../zones/lookup/answer.ts'
import { ZoneTable } from '../zones/lookup/table.ts'
import { ZoneImage } from '../zones/zone.ts'

const NAMES = Number(process.argv[2] ?? 1_000_000)
const QUERIES = 1_000_000
const UPDATES = 20_000
const ORIGIN = parseName('bench.example.')
const MIB = 2 ** 20

function soa(serial: number): ResourceRecord {
  const rdata = parseRdataText(Type.SOA, `ns.bench.example. host.bench.example. ${serial} 3600 600 86400 300`)
  return { owner: ORIGIN, type: Type.SOA, class: 1, ttl: 3600, rdata }
}

function host(i: number, prefix = 'h'): ResourceRecord {
  const label = Buffer.from(`${prefix}${i}`)
  const owner = Buffer.concat([Buffer.of(label.length), label, ORIGIN])
  return { owner, type: Type.A, class: 1, ttl: 300, rdata: Uint8Array.of(10, i >>> 16, i >>> 8, i) }
}

function* zone(): Generator<ResourceRecord> {
  yield soa(1)
  for (let i = 0; i < NAMES; i++) yield host(i)
}

function timed<T>(what: string, per: number, unit: string, run: () => T): T {
  const begin = process.cpuUsage()
  const result = run()
  const { user, system } = process.cpuUsage(begin)
  const ms = (user + system) / 1000
  console.log(
    `${what.padEnd(44)} ${ms.toFixed(0).padStart(6)} ms  ${((ms * 1e6) / per).toFixed(0).padStart(6)} ns/${unit}`,
  )
  return result
}

function wires(names: number, prefix: string): Uint8Array[] {
  const header = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
  return Array.from({ length: 65_536 }, () => {
    const { owner } = host(Math.floor(Math.random() * names), prefix)
    return Uint8Array.from([...header, ...owner, 0, 1, 0, 1])
  })
}

/** Parse, look up, write: what a query costs that is not in the answer cache. */
function answerAll(image: ZoneImage, messages: Uint8Array[]): number {
  const [query, response, answerer] = [new Query(), new ResponseWriter(), new Answerer()]
  const zones = new ZoneTable([image])
  let octets = 0
  for (let i = 0; i < QUERIES; i++) {
    const message = messages[i & 65_535]!
    readQuery(message, 0, message.length, query)
    response.begin(query, 512)
    answerer.answer(query, zones, response)
    octets += response.finish()
  }
  return octets
}

function update(image: ZoneImage): ZoneImage {
  let current = image
  for (let i = 1; i <= UPDATES; i++) {
    const change = { deleted: [soa(i)], added: [soa(i + 1), host(i, 'new')] }
    let next = current.apply(current.latest(), change)
    if (!next) {
      current = timed('  rebuild, because the image was full', current.latest().names(), 'name', () =>
        current.rebuild(current.latest()),
      )
      next = current.apply(current.latest(), change)!
    }
    current.publish(next)
  }
  return current
}

const before = process.memoryUsage().rss
const image = timed(`build from ${NAMES} records in any order`, NAMES, 'record', () => ZoneImage.create(ORIGIN, zone()))
globalThis.gc?.()
console.log(`  live data ${(image.used() / MIB).toFixed(1)} MiB, ${(image.used() / NAMES).toFixed(1)} octets a name`)
console.log(
  `  resident set grew by ${((process.memoryUsage().rss - before) / MIB).toFixed(0)} MiB (with what building left behind)`,
)
const present = wires(NAMES, 'h')
const absent = wires(NAMES, 'absent')
answerAll(image, present)
timed('query to response, uniformly random name', QUERIES, 'query', () => answerAll(image, present))
answerAll(image, absent)
timed('query to response, NXDOMAIN', QUERIES, 'query', () => answerAll(image, absent))
timed('walk of all RRsets', NAMES, 'RRset', () => {
  for (const _ of image.latest().rrsets());
})
const used = image.used()
const updated = timed(`${UPDATES} updates of one new name each`, UPDATES, 'update', () => update(image))
if (updated === image) console.log(`  ${((image.used() - used) / UPDATES).toFixed(0)} octets an update`)
timed('rebuild with the live data alone', NAMES, 'name', () => updated.rebuild(updated.latest()))
