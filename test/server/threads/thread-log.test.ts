import t from 'tap'
import type { LogLine } from '../../../server/threads/messages.ts'
import { createThreadLog } from '../../../server/threads/thread-log.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

t.test('lines below the level stay in the thread', async t => {
  const lines: LogLine[] = []
  const log = createThreadLog(
    line => lines.push(line),
    () => 'warn',
    createSimulatedClock(),
  )
  log.debug({}, 'no')
  log.info({}, 'no')
  log.child({ zone: 'a.example.' }).warn({ serial: 1 }, 'yes')
  t.same(lines, [{ kind: 'log', level: 'warn', fields: { zone: 'a.example.', serial: 1 }, message: 'yes' }])
})

t.test('a flood of lines is cut off, and how many were lost is said', async t => {
  const lines: LogLine[] = []
  const clock = createSimulatedClock()
  const log = createThreadLog(
    line => lines.push(line),
    () => 'info',
    clock,
  )
  for (let i = 0; i < 1000; i++) log.warn({}, 'bad request')
  t.equal(lines.length, 200)
  await clock.advance(1000)
  log.warn({}, 'one more')
  t.same(
    lines.slice(200).map(({ fields, message }) => ({ fields, message })),
    [
      { fields: { lines: 800 }, message: 'log lines suppressed' },
      { fields: {}, message: 'one more' },
    ],
  )
})
