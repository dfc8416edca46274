import { type AddressInfo, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { systemRandom } from '../../host/random.ts'
import { createSystemNetwork, systemNetwork } from '../../host/system-network.ts'
import { testUdp } from './udp-battery.ts'

async function startTcp(t: Test, listener: Parameters<typeof createServer>[1] & object): Promise<number> {
  const server: Server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('UDP', t => testUdp(t, createSystemNetwork, systemRandom))

t.test('a TCP connection carries chunks both ways and ends with the peer', async t => {
  const port = await startTcp(t, socket => socket.once('data', data => socket.end(`echo ${data}`)))
  const connection = await systemNetwork.connect({ address: '127.0.0.1', port }, {})
  connection.write(Buffer.from('hello'))
  let text = ''
  for await (const chunk of connection.chunks) text += Buffer.from(chunk).toString()
  t.equal(text, 'echo hello')
  connection.close()
  connection.write(Buffer.from('too late'))
})

t.test('a source address is what the peer of a connection sees', async t => {
  const port = await startTcp(t, peer => peer.end(String(peer.remoteAddress)))
  const connection = await systemNetwork.connect({ address: '127.0.0.1', port }, { source: '127.0.0.4' })
  let text = ''
  for await (const chunk of connection.chunks) text += Buffer.from(chunk).toString()
  t.equal(text, '127.0.0.4')
  await t.rejects(systemNetwork.connect({ address: '127.0.0.1', port }, { source: '192.0.2.1' }), {
    code: 'EADDRNOTAVAIL',
  })
})

t.test('connecting can be given up, and fails where nobody listens', async t => {
  const port = await startTcp(t, () => {})
  const gone = new AbortController()
  gone.abort()
  await t.rejects(systemNetwork.connect({ address: '127.0.0.1', port }, { signal: gone.signal }))
  await t.rejects(systemNetwork.connect({ address: '127.0.0.1', port: 1 }, {}), { code: 'ECONNREFUSED' })
  await t.rejects(async () => systemNetwork.connect({ address: 'localhost', port }, {}), /not an IP address/)
})

t.test('TLS with a peer that speaks none fails, and crashes nothing', async t => {
  const port = await startTcp(t, socket => socket.end('220 mail.example ready\r\n'))
  await t.rejects(systemNetwork.connect({ address: '127.0.0.1', port }, { tls: { servername: 'dns.test' } }))
})
