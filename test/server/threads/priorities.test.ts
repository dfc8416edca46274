import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'

const PRIORITIES = new URL('../../../server/threads/priorities.ts', import.meta.url).href
const LIBC = new URL('../../../server/listen/libc.ts', import.meta.url).href
const skip = process.platform === 'linux' ? {} : { skip: 'niceness is a thread’s own on Linux alone' }

/** What a thread says that runs this code; it has `say`, and the functions under test. */
async function told(t: Test, code: string): Promise<unknown> {
  const text = `
    import { parentPort, Worker } from 'node:worker_threads'
    import { setPriority } from 'node:os'
    import * as priorities from '${PRIORITIES}'
    import { loadLibc } from '${LIBC}'
    const say = value => parentPort.postMessage(value)
    ${code}`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`))
  t.teardown(() => worker.terminate())
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

t.test(
  'a thread that replaces one that serves is as nice as that was, as far as the system permits it',
  skip,
  async t => {
    const code = `
    const before = priorities.niceness()
    priorities.yieldToServing()
    const child = 'require("node:worker_threads").parentPort.postMessage(require("node:os").getPriority())'
    const worker = priorities.startNice(before, () => new Worker(child, { eval: true }))
    worker.once('message', nice => {
      const own = priorities.niceness()
      let permitted = true
      try { setPriority(before) } catch { permitted = false }
      say({ before, own, nice, permitted })
    })`
    const { before, own, nice, permitted } = (await told(t, code)) as Record<string, number>
    t.equal(own, Math.max(before!, 5), 'who started it yields as before')
    t.equal(nice, permitted ? before : own)
  },
)

t.test('a thread goes first, or hears that it may not', skip, async t => {
  const code = `
    const libc = loadLibc()
    const went = priorities.goFirst(libc)
    const { readFileSync } = await import('node:fs')
    // The 41st field of proc_pid_stat(5) is the policy.
    const fields = readFileSync('/proc/thread-self/stat', 'utf8').replace(/.*\\) /s, '').split(' ')
    say({ went, policy: Number(fields[38]) })`
  const { went, policy } = (await told(t, code)) as { went: boolean; policy: number }
  t.equal(policy, went ? 2 : 0)
})
