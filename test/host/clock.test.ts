import { Worker } from 'node:worker_threads'
import t from 'tap'
import { startOf, systemClock } from '../../host/clock.ts'

t.test('a thread that is put aside between two readings is not late for the rest of its life', async t => {
  let time = 1000
  let readings = 0
  /** Each pair takes three readings, and 40 ms pass before each, but within the fourth pair. */
  const read = () => {
    time += Math.floor(readings++ / 3) === 3 ? 0.001 : 40
    return time
  }
  const start = startOf(read, () => read() - 700)
  t.ok(Math.abs(start - 700) < 1, `${start}`)
})

t.test('monotonic time is the same in all threads', async t => {
  const path = JSON.stringify(new URL('../../host/clock.ts', import.meta.url).href)
  const code = `import(${path}).then(({ systemClock }) => require('node:worker_threads').parentPort.postMessage(systemClock.monotonic()))`
  const before = systemClock.monotonic()
  const worker = new Worker(code, { eval: true })
  const there = await new Promise<number>(resolve => worker.once('message', resolve))
  const after = systemClock.monotonic()
  t.ok(before < there && there < after, `${before} < ${there} < ${after}`)
  await worker.terminate()
})
