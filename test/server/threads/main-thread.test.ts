import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { ROOT } from '../../../dns/name.ts'
import { MainCalls } from '../../../server/threads/main-thread.ts'
import type { ToMain } from '../../../server/threads/messages.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const from = { transport: 'udp' as const, address: Uint8Array.of(127, 0, 0, 1), port: 1, view: 'all' }
const update = { kind: 'update' as const, wire: new Uint8Array(), zone: ROOT, from, received: 0 }

t.test('results find their questions in any order', async t => {
  const posted: ToMain[] = []
  const calls = new MainCalls(message => posted.push(message), createSimulatedClock())
  const first = calls.update(update)
  const second = calls.notify({ kind: 'notify', zone: ROOT, from })
  const ids = posted.map(message => ('id' in message ? message.id : 0))
  calls.settle({ kind: 'notified', id: ids[1]!, rcode: Rcode.REFUSED })
  calls.settle({ kind: 'updated', id: ids[0]!, rcode: Rcode.NXRRSET })
  t.match(await first, { rcode: Rcode.NXRRSET })
  t.match(await second, { rcode: Rcode.REFUSED })
  t.doesNotThrow(() => calls.settle({ kind: 'updated', id: ids[0]!, rcode: 0 }), 'a result that nobody waits for')
})

t.test('a question that main does not answer is given up', async t => {
  const clock = createSimulatedClock()
  const calls = new MainCalls(() => {}, clock)
  await t.rejects(clock.until(calls.update(update)), { message: 'the main thread did not decide' })
  t.equal(clock.monotonic(), 30_000)
  t.equal(clock.pending(), 0)
})

t.test('past the limit of questions outstanding the answer is SERVFAIL at once', async t => {
  const calls = new MainCalls(() => {}, createSimulatedClock())
  for (let i = 0; i < 4096; i++) calls.update(update).catch(() => {})
  t.match(await calls.update(update), { rcode: Rcode.SERVFAIL })
})
