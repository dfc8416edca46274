import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { silentLog } from '../../host/log.ts'
import { createApp, type Early, openHttp } from '../../server/http.ts'

async function listening(t: Test, early: Early) {
  const listener = await openHttp([{ address: '127.0.0.1', port: 0 }], false, early)
  t.teardown(() => listener.close(0))
  const { port } = listener.bound[0]!
  const ask = async () => {
    const [response] = (await once(get({ port, path: '/', agent: false }), 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode
  }
  const app = createApp(silentLog)
  app.get('/', async () => 'here')
  return { listener, ask, app }
}

t.test('a request that comes during the start has its answer once everything is there', async t => {
  const { listener, ask, app } = await listening(t, 'waits')
  let status: number | undefined
  const asked = ask().then(code => {
    status = code
  })
  for (let turn = 0; turn < 50; turn++) await setImmediate()
  t.equal(status, undefined, 'it waits')
  await listener.serve(app)
  await asked
  t.equal(status, 200)
  t.equal(await ask(), 200)
})

t.test('or is told at once to come again', async t => {
  const { listener, ask, app } = await listening(t, 'is refused')
  t.equal(await ask(), 503)
  await listener.serve(app)
  t.equal(await ask(), 200)
})
