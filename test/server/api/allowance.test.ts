import t from 'tap'
import { systemClock } from '../../../host/clock.ts'
import { Allowance } from '../../../server/api/allowance.ts'

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
