import t from 'tap'
import { Ede } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import { silentLog } from '../../host/log.ts'
import { createAdmission } from '../../resolver/admission.ts'
import { createAnswerCache, PARTITION_LENGTH } from '../../resolver/cache/cache.ts'
import { CacheMemory, createCacheBuffer } from '../../resolver/cache/cache-memory.ts'
import { createFailureCache } from '../../resolver/cache/failures.ts'
import { Cancellation } from '../../resolver/cancellation.ts'
import { createCounters } from '../../resolver/counters.ts'
import { DEFAULT_LIMITS } from '../../resolver/limits.ts'
import { createParts } from '../../resolver/parts.ts'
import type { Outcome, Route } from '../../resolver/routes/route.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { record } from './world.ts'

const QUESTION = {
  name: parseName('a.example.'),
  type: 1,
  class: 1,
  recursionDesired: true,
  dnssecOk: false,
  checkingDisabled: false,
}

function found(seconds: number): Outcome {
  const answer = [record(`a.example. ${seconds} A 192.0.2.1`)]
  return { kind: 'found', found: { rcode: 0, answer, authority: [], authentic: false, unfinished: false }, seconds }
}

function createContext(limits = DEFAULT_LIMITS) {
  const clock = createSimulatedClock()
  const logged: string[] = []
  const counters = createCounters()
  const parts = createParts({
    clock,
    limits,
    cache: createAnswerCache(
      new CacheMemory(createCacheBuffer(1 << 20, 1), 1),
      new Uint8Array(PARTITION_LENGTH),
      limits.maxStale,
    ),
    failures: createFailureCache(),
    admission: createAdmission(limits),
    counters,
    log: { ...silentLog, error: (_fields, message) => logged.push(message) },
    cancellation: new Cancellation(),
  })
  const route = (ask: Route['ask'], down = false): Route => ({
    zone: parseName('.'),
    label: '.',
    scope: '',
    recursive: true,
    validated: false,
    down: () => down,
    ask,
  })
  const begin = (by: Route, question = QUESTION) => parts.part(by, question, clock.monotonic() + limits.patience)
  const part = (by: Route) => clock.until(begin(by))
  return { clock, logged, counters, begin, part, route }
}

t.test('a fault of our own is a failure for the client, an error in the log, and no crash', async t => {
  const { logged, part, route } = createContext()
  const broken = route(() => Promise.reject(new TypeError('a bug')))
  t.match(await part(broken), { kind: 'failed', error: { code: Ede.OTHER, text: 'internal failure' } })
  t.equal(logged.length, 1)
})

t.test('where too much is outstanding, stale data is better than none', async t => {
  const { clock, begin, part, route } = createContext({ ...DEFAULT_LIMITS, outstanding: 1 })
  await part(route(async () => found(10)))
  await clock.advance(11_000)
  const other = { ...QUESTION, name: parseName('b.example.') }
  void begin(
    route(() => new Promise(() => {})),
    other,
  )
  const before = clock.monotonic()
  t.match(await part(route(async () => found(10))), { from: 'stale', error: { code: Ede.STALE_ANSWER } })
  t.equal(clock.monotonic(), before)
})

t.test(
  'of many answers that are to be renewed together only so many are: questions that somebody waits for have room',
  async t => {
    const { clock, begin, route, counters } = createContext({ ...DEFAULT_LIMITS, renewals: 3, outstanding: 4 })
    const questions = Array.from({ length: 10 }, (_, i) => ({ ...QUESTION, name: parseName(`n${i}.example.`) }))
    const first = route(async () => found(100))
    for (const question of questions) await clock.until(begin(first, question))
    await clock.advance(95_000)
    const landed: (() => void)[] = []
    const slow = route(() => new Promise(resolve => landed.push(() => resolve(found(100)))))
    for (const question of questions) t.match(await begin(slow, question), { from: 'cache' })
    t.equal(counters.prefetched, 3)
    const waiting = begin(slow, { ...QUESTION, name: parseName('new.example.') })
    t.equal(landed.length, 4, 'a new question is asked')
    for (const land of landed) land()
    t.match(await waiting, { from: 'upstream' })
    for (const question of questions) t.match(await begin(slow, question), { from: 'cache' })
    t.equal(counters.prefetched, 6, 'others are renewed in their turn')
  },
)

t.test('RFC 8767 §5: what comes after the client has its stale answer refreshes the cache', async t => {
  const { clock, part, route } = createContext()
  await part(route(async () => found(10)))
  await clock.advance(11_000)
  const late = route(() => new Promise(resolve => clock.after(3000, () => resolve(found(60)))))
  t.match(await part(late), { from: 'stale', error: { code: Ede.STALE_ANSWER } })
  await clock.advance(2000)
  t.match(await part(late), { from: 'cache', answer: [{ ttl: 60 }] })
})

t.test('RFC 8767 §5: where upstreams are known to be down, nobody waits for them', async t => {
  const { clock, part, route } = createContext()
  await part(route(async () => found(10)))
  await clock.advance(11_000)
  const before = clock.monotonic()
  t.match(await part(route(() => new Promise(() => {}), true)), { from: 'stale' })
  t.equal(clock.monotonic(), before)
})
