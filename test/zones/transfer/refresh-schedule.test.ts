import t from 'tap'
import type { Random } from '../../../host/random.ts'
import { RefreshSchedule } from '../../../zones/transfer/refresh-schedule.ts'
import { createSimulatedClock, type SimulatedClock } from '../../simulation/clock.ts'

const HOUR = 3_600_000
const REFRESH = 10 * HOUR
const RETRY = HOUR

/** A schedule around servers that answer as the script says, by name; `asked` is when, in milliseconds, and who first. */
interface Kit {
  clock: SimulatedClock
  schedule: RefreshSchedule<string>
  asked: [at: number, first: string | undefined][]
  /** What `pause` was asked for. */
  pauses: [fresh: boolean, failures: number][]
  /** Limits that chance was asked for. */
  limits: number[]
  /** Whether servers answer; a promise where that takes its time. */
  answers: boolean | Promise<boolean>
}

/** `share` is what chance gives of each limit: 0 the least, 1 the most. */
function build(share = 0): Kit {
  const clock = createSimulatedClock()
  const [asked, pauses, limits]: [Kit['asked'], Kit['pauses'], number[]] = [[], [], []]
  const random: Random = {
    bytes: size => new Uint8Array(size),
    below(limit) {
      limits.push(limit)
      return Math.floor((limit - 1) * share)
    },
  }
  const schedule = new RefreshSchedule<string>(
    { clock, random },
    {
      async ask(first) {
        asked.push([clock.monotonic(), first])
        return kit.answers
      },
      pause(fresh, failures) {
        pauses.push([fresh, failures])
        return fresh ? REFRESH : RETRY
      },
    },
  )
  const kit: Kit = { clock, schedule, asked, pauses, limits, answers: true }
  return kit
}

t.test('RFC 1035 §3.3.13: REFRESH after an answer, RETRY while there is none, REFRESH again', async t => {
  const kit = build()
  kit.schedule.after(0)
  await kit.clock.advance(0)
  kit.answers = false
  await kit.clock.advance(REFRESH + RETRY)
  kit.answers = true
  await kit.clock.advance(RETRY + REFRESH)
  t.same(
    kit.asked.map(([at]) => at / HOUR),
    [0, 10, 11, 12, 22],
  )
  t.same(kit.pauses, [
    [true, 0],
    [false, 1],
    [false, 2],
    [true, 0],
    [true, 0],
  ])
})

const SHARES: [sentence: string, share: number, wait: number][] = [
  ['never later than that', 0, REFRESH],
  ['up to a tenth sooner', 1, REFRESH * 0.9],
  ['or anything between', 0.5, REFRESH * 0.95],
]
for (const [sentence, share, wait] of SHARES)
  t.test(`not everybody asks at the same moment: ${sentence}`, async t => {
    const kit = build(share)
    kit.schedule.after(0)
    await kit.clock.advance(0)
    t.same(kit.limits, [REFRESH / 10 + 1], 'chance is asked for a tenth, both ends included')
    t.equal(kit.schedule.next, kit.clock.now() + wait)
    await kit.clock.advance(wait - 1)
    t.equal(kit.asked.length, 1)
    await kit.clock.advance(1)
    t.equal(kit.asked.length, 2)
  })

t.test('RFC 1996 §4.3: a NOTIFY acts as if REFRESH had run out', async t => {
  const kit = build()
  kit.schedule.after(0)
  await kit.clock.advance(HOUR)
  kit.schedule.soon('who told')
  await kit.clock.advance(0)
  t.same(kit.asked.at(-1), [HOUR, 'who told'], 'who told is asked first, at once')
  await kit.clock.advance(REFRESH - 1)
  t.equal(kit.asked.length, 2, 'what was due before is not')
  await kit.clock.advance(1)
  t.same(kit.asked.at(-1), [HOUR + REFRESH, undefined], 'REFRESH begins anew')
})

t.test('a flood of them is asked about four times a second, the last one first', async t => {
  const kit = build()
  for (let i = 0; i < 999; i++) {
    kit.schedule.soon(`number ${i}`)
    await kit.clock.advance(1)
  }
  t.same(kit.asked, [
    [0, 'number 0'],
    [250, 'number 249'],
    [500, 'number 499'],
    [750, 'number 749'],
  ])
})

t.test('RFC 1996 §4.4: one question at a time; who tells meanwhile is asked next, once', async t => {
  const kit = build()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  kit.answers = promise
  kit.schedule.soon('a')
  await kit.clock.advance(400)
  t.ok(kit.schedule.running)
  kit.schedule.soon('b')
  kit.schedule.soon('c')
  await kit.clock.advance(REFRESH)
  t.equal(kit.asked.length, 1, 'while the answer is outstanding nobody else is asked')
  kit.answers = true
  resolve(false)
  await kit.clock.advance(0)
  t.same(kit.asked.at(-1), [REFRESH + 400, 'c'])
  t.same(kit.pauses, [[true, 0]], 'what failed before does not count any more')
  await kit.clock.advance(REFRESH - 1)
  t.equal(kit.asked.length, 2)
})

t.test('one asked for while the last begins waits out the quarter of a second', async t => {
  const kit = build()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  kit.answers = promise
  kit.schedule.soon('a')
  await kit.clock.advance(100)
  kit.schedule.soon('b')
  resolve(true)
  await kit.clock.advance(149)
  t.equal(kit.asked.length, 1)
  await kit.clock.advance(1)
  t.same(kit.asked.at(-1), [250, 'b'])
})

t.test('the time of day may jump: waits are by the monotonic clock', async t => {
  const kit = build()
  kit.schedule.after(RETRY)
  kit.clock.jump(-365 * 24 * HOUR)
  await kit.clock.advance(RETRY - 1)
  t.equal(kit.asked.length, 0)
  kit.clock.jump(365 * 24 * HOUR)
  await kit.clock.advance(1)
  t.equal(kit.asked.length, 1)
})

t.test('it has started once something is to come, and once nothing ever will', async t => {
  const kit = build()
  t.notOk(kit.schedule.started)
  kit.schedule.after(RETRY)
  t.ok(kit.schedule.started)
  const never = build()
  never.schedule.stop()
  t.ok(never.schedule.started)
})

t.test('stopped, it asks nobody any more', async t => {
  const waiting = build()
  waiting.schedule.after(RETRY)
  waiting.schedule.stop()
  waiting.schedule.soon('told')
  t.equal(waiting.clock.pending(), 0)
  await waiting.clock.advance(REFRESH)
  t.same(waiting.asked, [])

  const asking = build()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  asking.answers = promise
  asking.schedule.soon('a')
  await asking.clock.advance(0)
  asking.schedule.soon('b')
  asking.schedule.stop()
  resolve(true)
  await asking.clock.advance(REFRESH)
  t.equal(asking.asked.length, 1, 'nor after the answer that was outstanding')
  t.equal(asking.clock.pending(), 0)
})
