import t from 'tap'
import { Allowance } from '../../host/allowance.ts'
import { systemClock } from '../../host/clock.ts'

t.test('so many at once, and so many a second from then on, for each by itself', async t => {
  let now = 0
  const clock = { ...systemClock, monotonic: () => now }
  const allowance = new Allowance(clock, { burst: 3, rate: 2, most: 2 })
  t.strictSame(
    [1, 2, 3, 4].map(() => allowance.take('a')),
    [true, true, true, false],
  )
  t.ok(allowance.take('b'))
  now = 500
  t.strictSame(
    [1, 2].map(() => allowance.take('a')),
    [true, false],
  )
  now = 60_000
  t.strictSame(
    [1, 2, 3, 4].map(() => allowance.take('a')),
    [true, true, true, false],
    'no more than the burst is saved up',
  )
  allowance.take('c')
  allowance.take('d')
  t.ok(allowance.take('a'), 'the one that was quiet for longest is forgotten')
})

t.test('what is done all the same is counted, and it is told how long to wait', async t => {
  let now = 0
  const clock = { ...systemClock, monotonic: () => now }
  let burst = 2
  const allowance = new Allowance(clock, () => ({ burst, rate: 0.5, most: 10 }))
  t.equal(allowance.wait('a'), 0)
  for (let i = 0; i < 4; i++) allowance.spend('a')
  t.equal(allowance.wait('a'), 6, 'two too many, and one to have')
  t.notOk(allowance.take('a'))
  now = 6000
  t.equal(allowance.wait('a'), 0)
  t.ok(allowance.take('a'))
  burst = 5
  t.strictSame(
    [1, 2, 3, 4, 5, 6].map(() => allowance.take('b')),
    [true, true, true, true, true, false],
    'as it is allowed now',
  )
})
