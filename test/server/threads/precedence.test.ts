import t from 'tap'
import type { Libc } from '../../../server/listen/libc.ts'
import { keepPrecedence } from '../../../server/threads/precedence.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

/** Linux's numbers, without SCHED_RESET_ON_FORK. */
const POLICIES: Record<number, string> = { 0: 'others', 2: 'first' }

/** A thread whose policy is told, and which has used of each millisecond as much as `share` says. */
function thread({ permitted = true } = {}) {
  const clock = createSimulatedClock()
  const told: string[] = []
  let used = 0
  let seen = clock.monotonic()
  const state = { share: 0 }
  const libc = {
    sched_setscheduler(_thread: number, policy: number) {
      told.push(POLICIES[policy & 0xff]!)
      return permitted ? 0 : -1
    },
  } as unknown as Libc
  const time = () => {
    used += (clock.monotonic() - seen) * 1000 * state.share
    seen = clock.monotonic()
    return used
  }
  return { clock, told, state, kept: keepPrecedence(libc, clock, time) }
}

t.test('a thread goes first but while it takes much of its processor', async t => {
  const { clock, told, state, kept } = thread()
  t.equal(kept, true)
  t.strictSame(told, ['first'])
  state.share = 0.4
  await clock.advance(1000)
  t.strictSame(told, ['first'])
  state.share = 0.6
  await clock.advance(250)
  t.strictSame(told, ['first', 'others'])
  await clock.advance(5000)
  t.strictSame(told, ['first', 'others'], 'as long as it takes much')
  state.share = 0.4
  await clock.advance(250)
  t.strictSame(told, ['first', 'others', 'first'])
})

t.test('a thread that took much goes with the others for longer than it went first', async t => {
  const { clock, told, state } = thread()
  state.share = 1
  await clock.advance(250)
  state.share = 0.4
  await clock.advance(500)
  t.strictSame(told, ['first', 'others'])
  await clock.advance(250)
  t.strictSame(told, ['first', 'others', 'first'])
})

t.test('a thread that may not go first asks once', async t => {
  const { clock, told, kept } = thread({ permitted: false })
  t.equal(kept, false)
  await clock.advance(500)
  t.strictSame(told, ['first'])
})
