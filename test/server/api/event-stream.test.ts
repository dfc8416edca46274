import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t, { type Test } from 'tap'
import { createWatcher } from '../../../server/api/event-stream.ts'

const LARGE = { text: 'x'.repeat(300_000) }

/** The response to a client that reads nothing for now. */
async function opened(t: Test) {
  const server = createServer()
  t.teardown(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  t.teardown(() => client.destroy())
  client.on('error', () => {})
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
  return { client, response }
}

t.test('who reads too slowly is cut off, so that nothing is kept for them', async t => {
  const { response } = await opened(t)
  const closed = once(response, 'close')
  const watcher = createWatcher(response, false, () => true)
  for (let i = 0; i < 100; i++) watcher.send('sample', LARGE)
  await closed
  watcher.send('sample', LARGE)
  t.ok(response.destroyed)
})

t.test('nothing is written behind the end', async t => {
  const { client, response } = await opened(t)
  const errors: Error[] = []
  response.on('error', error => void errors.push(error))
  let holds = true
  const watcher = createWatcher(response, false, () => holds)
  watcher.send('sample', { first: true })
  holds = false
  watcher.send('sample', { second: true })
  holds = true
  watcher.send('sample', { third: true })
  watcher.end()
  client.resume()
  let text = ''
  client.on('data', chunk => {
    text += chunk
  })
  await once(response, 'finish')
  client.end()
  await once(client, 'close')
  t.match(text, 'first')
  t.notMatch(text, /second|third/)
  t.same(errors, [])
})
