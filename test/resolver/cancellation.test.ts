import t from 'tap'
import { Cancellation } from '../../resolver/cancellation.ts'

t.test('tasks are run once, when it is cancelled, but for those that were taken off', async t => {
  const cancellation = new Cancellation()
  const ran: string[] = []
  const [gone, , last] = ['gone', 'first', 'last'].map(name => cancellation.onCancel(() => ran.push(name)))
  cancellation.off(gone!)
  cancellation.off(gone!)
  cancellation.off(last!)
  t.notOk(cancellation.cancelled)
  cancellation.cancel()
  cancellation.cancel()
  t.ok(cancellation.cancelled)
  t.same(ran, ['first'])
  cancellation.onCancel(() => ran.push('late'))
  t.same(ran, ['first', 'late'], 'at once where it is cancelled already')
})
