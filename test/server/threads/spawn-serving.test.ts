import t from 'tap'
import type { ServingInit, ToMain } from '../../../server/threads/messages.ts'
import { startAhead } from '../../../server/threads/spawn-serving.ts'

t.test('a thread that was started ahead gets its work later', async t => {
  const threads = startAhead(1)
  t.teardown(() => threads.end())
  const ended = Promise.withResolvers<string>()
  // What no thread can begin with: that it says so proves that it was handed on.
  threads.spawn({} as ServingInit, (_message: ToMain) => {}, ended.resolve)
  t.match(await ended.promise, /TypeError/, 'and tells how it ended')
})

t.test('after the end of those that waited, work goes to one that is started for it', async t => {
  const threads = startAhead(1)
  await threads.end()
  const ended = Promise.withResolvers<string>()
  const thread = threads.spawn({} as ServingInit, () => {}, ended.resolve)
  await thread.terminate()
  t.ok(await ended.promise)
})
