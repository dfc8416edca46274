import fc from 'fast-check'
import t from 'tap'
import { Class, Flag, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { nameKey, parseName } from '../../../dns/name.ts'
import { Query, readQuery } from '../../../dns/query.ts'
import { ResponseWriter, Section, UDP_PAYLOAD } from '../../../dns/response.ts'
import { Type } from '../../../dns/types.ts'
import { AnswerCache, type AnswerSource } from '../../../server/requests/answers.ts'

interface Ask {
  name: string
  type?: number
  id?: number
  flags?: number
  edns?: boolean
  dnssecOk?: boolean
}

function ask({ name, type = Type.A, id = 1, flags = 0, edns = false, dnssecOk = false }: Ask): Query {
  const wire = writeMessage({
    id,
    flags,
    opcode: 0,
    rcode: 0,
    question: [{ name: parseName(name), type, class: Class.IN }],
    answer: [],
    authority: [],
    additional: [],
    ...(edns && { edns: { udpSize: 4096, version: 0, dnssecOk, options: [] } }),
  })
  const query = new Query()
  readQuery(wire, 0, wire.length, query)
  return query
}

/** Of RFC 6895 §3.1's private use: any octets are RDATA. */
const PRIVATE = 65280

const writer = new ResponseWriter()

/** A response with one record of these RDATA octets, ending in an SOA in authority where `negative`. */
function respond(query: Query, rdata: Uint8Array, ttl = 300, rcode = 0): ResponseWriter {
  writer.begin(query)
  writer.authoritative = true
  writer.rcode = rcode
  const owner = query.buf.slice(query.nameAt, query.nameAt + query.nameLength)
  writer.open(Section.ANSWER)
  writer.records(owner, PRIVATE, ttl, [rdata])
  writer.open(Section.AUTHORITY)
  writer.records(parseName('zone.test.'), Type.TXT, ttl * 2, [Uint8Array.of(1, 65)])
  writer.finish()
  return writer
}

const out = new Uint8Array(65535)

function find(cache: AnswerCache, query: Query, facts = 0, now = 0, limit = 65535): Message | undefined {
  const length = cache.find(query, facts, now, out, 7, limit)
  return length === 0 ? undefined : parseMessage(out.slice(7, 7 + length))
}

class Zone {
  value = 1
  latest(): { at: number } {
    return { at: this.value }
  }
}

function cacheOver(zones: Zone[] = [], octets = 1 << 20): AnswerCache {
  const cache = new AnswerCache(octets, 12345)
  cache.reset(zones)
  return cache
}

const ALWAYS: AnswerSource = { zones: [], versions: [] }
const address = Uint8Array.of(192, 0, 2, 1)

t.test('a kept answer is found again', async t => {
  const cache = cacheOver()
  const query = ask({ name: 'www.example.' })
  t.notOk(find(cache, query), 'nothing before')
  cache.keep(query, 0, respond(query, address), ALWAYS, 0)
  const expected = parseMessage(respond(query, address).message().slice())
  t.same(find(cache, query), expected)
  t.equal(cache.entries, 1)
})

t.test('what is the query own', async t => {
  const cache = cacheOver()
  const first = ask({ name: 'www.Example.', id: 1 })
  cache.keep(first, 0, respond(first, address), ALWAYS, 0)
  const cases: [string, Ask, (answer: Message) => void][] = [
    ['the ID', { name: 'www.example.', id: 777 }, answer => t.equal(answer.id, 777)],
    [
      'the letter case of the question',
      { name: 'wWw.eXaMpLe.' },
      answer => t.same(answer.question[0]!.name, parseName('wWw.eXaMpLe.')),
    ],
    [
      'and of owners that point to it',
      { name: 'wWw.eXaMpLe.' },
      answer => t.same(answer.answer[0]!.owner, parseName('wWw.eXaMpLe.')),
    ],
    [
      'RD (RFC 1035 §4.1.1)',
      { name: 'www.example.', flags: Flag.RD },
      answer => t.equal(answer.flags & Flag.RD, Flag.RD),
    ],
    ['no RD', { name: 'www.example.' }, answer => t.equal(answer.flags & Flag.RD, 0)],
    [
      'CD (RFC 4035 §3.1.6)',
      { name: 'www.example.', flags: Flag.CD },
      answer => t.equal(answer.flags & Flag.CD, Flag.CD),
    ],
    [
      'an OPT for an OPT (RFC 6891 §6.1.1)',
      { name: 'www.example.', edns: true },
      answer => t.equal(answer.edns!.udpSize, UDP_PAYLOAD),
    ],
    ['no OPT without', { name: 'www.example.' }, answer => t.equal(answer.edns, undefined)],
    [
      'DO (RFC 3225 §3)',
      { name: 'www.example.', edns: true, dnssecOk: true },
      answer => t.equal(answer.edns!.dnssecOk, true),
    ],
  ]
  for (const [name, question, check] of cases)
    t.test(name, async () => {
      const answer = find(cache, ask(question))
      t.ok(answer)
      check(answer!)
    })
})

t.test('answers are apart that differ in', async t => {
  const cache = cacheOver()
  const query = ask({ name: 'www.example.' })
  cache.keep(query, 1, respond(query, address), ALWAYS, 0)
  t.ok(find(cache, query, 1))
  t.notOk(find(cache, query, 2), 'the facts (view, DO, recursion)')
  t.notOk(find(cache, ask({ name: 'www.example.', type: Type.AAAA }), 1), 'the type')
  t.notOk(find(cache, ask({ name: 'ww.example.' }), 1), 'the name')
})

t.test('an answer that exceeds the limit of the query is not given', async t => {
  const cache = cacheOver()
  const query = ask({ name: 'www.example.', edns: true })
  cache.keep(query, 0, respond(query, address), ALWAYS, 0)
  const length = respond(query, address).message().length
  t.notOk(find(cache, query, 0, 0, length - 1))
  t.ok(find(cache, query, 0, 0, length))
})

t.test('a truncated response and an extended RCODE are not kept', async t => {
  const cache = cacheOver()
  const query = ask({ name: 'www.example.' })
  const response = respond(query, address)
  response.truncated = true
  cache.keep(query, 0, response, ALWAYS, 0)
  cache.keep(query, 0, respond(query, address, 300, Rcode.BADVERS), ALWAYS, 0)
  t.equal(cache.entries, 0)
})

t.test('an answer that can not be kept ends the earlier one all the same', async t => {
  const cases: [string, Uint8Array, AnswerSource][] = [
    ['too long', new Uint8Array(5000), ALWAYS],
    ['too long for so small a cache', new Uint8Array(1000), ALWAYS],
    ['with a TTL of 0', address, { ...ALWAYS, ttl: 0 }],
  ]
  for (const [name, rdata, source] of cases) {
    const cache = cacheOver([], 1 << 14)
    const query = ask({ name: 'www.example.' })
    cache.keep(query, 0, respond(query, address), ALWAYS, 0)
    cache.keep(query, 0, respond(query, rdata), source, 0)
    t.notOk(find(cache, query), name)
    t.equal(cache.entries, 0)
  }
})

t.test('an answer goes with the version of any of its zones', async t => {
  const zones = [new Zone(), new Zone()]
  const cache = cacheOver(zones)
  const query = ask({ name: 'www.example.' })
  for (const changed of zones) {
    const versions = zones.map(zone => zone.value)
    cache.keep(query, 0, respond(query, address), { zones: [0, 1], versions }, 0)
    t.ok(find(cache, query))
    changed.value++
    t.notOk(find(cache, query))
  }
  t.equal(cache.entries, 0)
})

t.test('another image of a zone ends the answers from the one before, and no others', async t => {
  const zones = [new Zone(), new Zone()]
  const cache = cacheOver(zones)
  const queries = ['a.test', 'b.test', 'forwarded.test'].map(name => ask({ name }))
  const sources = [{ zones: [0], versions: [1] }, { zones: [1], versions: [1] }, ALWAYS]
  for (const [i, query] of queries.entries()) cache.keep(query, 0, respond(query, address), sources[i]!, 0)
  const rebuilt = new Zone()
  cache.renumber(0, 2, rebuilt)
  t.same(
    queries.map(query => find(cache, query) !== undefined),
    [false, true, true],
    'though its version has the same address',
  )
  cache.keep(queries[0]!, 0, respond(queries[0]!, address), { zones: [2], versions: [1] }, 0)
  t.ok(find(cache, queries[0]!))
  rebuilt.value++
  t.notOk(find(cache, queries[0]!))
})

t.test('what others told us counts down and ends (RFC 1035 §3.2.1)', async t => {
  const cache = cacheOver()
  const query = ask({ name: 'www.example.', edns: true })
  cache.keep(query, 0, respond(query, address, 100), { ...ALWAYS, ttl: 100 }, 1000)
  const ttls = (now: number) => {
    const answer = find(cache, query, 0, now)
    return answer && [answer.answer[0]!.ttl, answer.authority[0]!.ttl]
  }
  t.same(ttls(1000), [100, 200])
  t.same(ttls(1030), [70, 170])
  t.same(ttls(1099), [1, 101])
  t.same(ttls(1100), undefined)
  cache.keep(query, 0, respond(query, address, 0), { ...ALWAYS, ttl: 0 }, 1000)
  t.notOk(find(cache, query, 0, 1000), 'a TTL of 0 is not kept')
})

t.test('a scan of random names leaves what is asked for often', async t => {
  const cache = cacheOver([], 1 << 18)
  const hot = Array.from({ length: 300 }, (_, i) => ask({ name: `hot${i}.example.` }))
  for (const query of hot) {
    cache.keep(query, 0, respond(query, address), ALWAYS, 0)
    find(cache, query)
  }
  for (let i = 0; i < 20_000; i++) {
    const query = ask({ name: `scan${i}.example.` })
    if (!find(cache, query)) cache.keep(query, 0, respond(query, address), ALWAYS, 0)
    const asked = hot[i % hot.length]!
    if (!find(cache, asked)) cache.keep(asked, 0, respond(asked, address), ALWAYS, 0)
  }
  const left = hot.filter(query => find(cache, query)).length
  t.ok(left > 290, `${left} of 300 are left`)
  t.ok(cache.octets <= 1 << 18, 'the bound holds')
})

t.test('against a Map as a model: never a wrong answer, never too much memory', async () => {
  const zones = [new Zone(), new Zone(), new Zone()]
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ op: fc.constant('find' as const), name: fc.nat(400), facts: fc.nat(2) }) },
    {
      weight: 5,
      arbitrary: fc.record({
        op: fc.constant('keep' as const),
        name: fc.nat(400),
        facts: fc.nat(2),
        zone: fc.nat(2),
        size: fc.integer({ min: 1, max: 900 }),
        ttl: fc.option(fc.nat(50), { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('publish' as const), zone: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('wait' as const), seconds: fc.nat(30) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 600 }), fc.integer(), (steps, seed) => {
      const octets = 1 << 14
      const cache = new AnswerCache(octets, seed)
      cache.reset(zones)
      const model = new Map<
        string,
        { octet: number; size: number; zone: number; generation: number; stored: number; ttl: number | undefined }
      >()
      let now = 0
      let octet = 0
      for (const step of steps) {
        if (step.op === 'publish') zones[step.zone]!.value++
        else if (step.op === 'wait') now += step.seconds
        else {
          const query = ask({ name: `${'n'.repeat(step.name % 40)}x${step.name}.example.` })
          const key = `${step.facts} ${nameKey(query.buf.slice(query.nameAt, query.nameAt + query.nameLength))}`
          if (step.op === 'keep') {
            octet = (octet + 1) & 255
            const { size, zone, ttl } = step
            const generation = zones[zone]!.value
            cache.keep(
              query,
              step.facts,
              respond(query, new Uint8Array(size).fill(octet), ttl ?? 9),
              { zones: [zone], versions: [generation], ...(ttl !== undefined && { ttl }) },
              now,
            )
            if (ttl === 0) model.delete(key)
            else model.set(key, { octet, size, zone, generation, stored: now, ttl })
          } else {
            const found = find(cache, query, step.facts, now)
            if (!found) continue
            const expected = model.get(key)!
            const { rdata, ttl } = found.answer[0]!
            if (!expected || rdata.length !== expected.size || rdata.some(value => value !== expected.octet))
              return false
            if (zones[expected.zone]!.value !== expected.generation) return false
            if (
              expected.ttl !== undefined &&
              (now >= expected.stored + expected.ttl || ttl !== expected.ttl - (now - expected.stored))
            )
              return false
          }
        }
        if (cache.octets > octets || cache.entries < 0) return false
      }
      return true
    }),
    { numRuns: 60 },
  )
})

t.test('a cache larger than what is kept forgets nothing', async t => {
  const cache = cacheOver([], 1 << 21)
  const queries = Array.from({ length: 2000 }, (_, i) => ask({ name: `host${i}.example.` }))
  for (const query of queries) {
    cache.keep(query, 0, respond(query, address), ALWAYS, 0)
    find(cache, query)
  }
  t.equal(queries.filter(query => find(cache, query)).length, 2000)
})

t.test('an answer is wanted once its question was asked twice', async t => {
  const cache = cacheOver()
  const [one, other] = [ask({ name: 'one.example.' }), ask({ name: 'other.example.' })]
  const wanted = (query: Query) => {
    find(cache, query)
    return cache.isWanted()
  }
  t.same([wanted(one), wanted(other), wanted(one), wanted(other)], [false, false, true, true])
})

t.test('names that are asked for once leave hardly a trace', async t => {
  const cache = cacheOver()
  let wanted = 0
  for (let i = 0; i < 10_000; i++) {
    find(cache, ask({ name: `random-${i}.example.` }))
    if (cache.isWanted()) wanted++
  }
  // Eight bits of hash tell one name from another.
  t.ok(wanted < 200, `${wanted} of 10,000`)
})
