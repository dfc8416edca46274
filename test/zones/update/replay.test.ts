import t from 'tap'
import { ReplayCache } from '../../../zones/update/replay.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const mac = (n: number) => Uint8Array.of(n, 0, 255)

t.test('a request is executed once while its MAC could be accepted', async t => {
  const clock = createSimulatedClock()
  const cache = new ReplayCache<number>(clock)
  let executed = 0
  const send = (n: number) => cache.once(mac(n), async () => ++executed)
  t.equal(await send(1), 1)
  t.equal(await send(1), 1)
  t.equal(await send(2), 2)
  await clock.advance(599_000)
  t.equal(await send(1), 1)
  await clock.advance(2_000)
  t.equal(await send(1), 3)
  t.equal(cache.size, 1, 'what has ended is forgotten')
})

t.test('a repetition that comes before the first is done waits for it', async t => {
  const cache = new ReplayCache<number>(createSimulatedClock())
  const { promise, resolve } = Promise.withResolvers<number>()
  const both = [cache.once(mac(1), () => promise), cache.once(mac(1), async () => 2)]
  resolve(1)
  t.same(await Promise.all(both), [1, 1])
})

t.test('what failed is executed again', async t => {
  const cache = new ReplayCache<number>(createSimulatedClock())
  await t.rejects(cache.once(mac(1), async () => Promise.reject(new Error('disk'))))
  t.equal(await cache.once(mac(1), async () => 2), 2)
})

t.test('RFC 8945 §5.2.3: a MAC whose signer chose a long fudge is remembered as long', async t => {
  const clock = createSimulatedClock()
  const cache = new ReplayCache<number>(clock)
  await cache.once(mac(1), async () => 1, 3_600_000)
  await clock.advance(3_500_000)
  t.equal(await cache.once(mac(1), async () => 2), 1)
  await clock.advance(200_000)
  t.equal(await cache.once(mac(1), async () => 3), 3)
})

t.test('it is bounded: the oldest is forgotten first', async t => {
  const cache = new ReplayCache<number>(createSimulatedClock(), { limit: 10 })
  for (let i = 0; i < 100; i++) await cache.once(mac(i), async () => i)
  t.equal(cache.size, 10)
  t.equal(await cache.once(mac(99), async () => -1), 99)
  t.equal(await cache.once(mac(5), async () => -1), -1)
})
