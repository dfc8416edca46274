import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { createSystemNetwork, systemNetwork } from '../../host/system-network.ts'

/** An echo server over UDP that tells which ports it was asked from. */
async function startEcho(t: Test): Promise<{ port: number; clients: Set<number>; socket: DatagramSocket }> {
  const socket = createSocket('udp4')
  const clients = new Set<number>()
  socket.on('message', (message, { port, address }) => {
    clients.add(port)
    socket.send(message, port, address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  return { port: socket.address().port, clients, socket }
}

async function startTcp(t: Test, listener: Parameters<typeof createServer>[1] & object): Promise<number> {
  const server: Server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

const fail = (error: Error) => t.fail(error.message)

t.test('RFC 5452 §9.2: every UDP socket has a port of its own choosing', async t => {
  const { port, clients } = await startEcho(t)
  for (let i = 0; i < 20; i++) {
    const answer = Promise.withResolvers<Uint8Array>()
    const socket = await systemNetwork.udp({ address: '127.0.0.1', port }, answer.resolve, fail)
    socket.send(Uint8Array.of(1, 2, 3))
    t.same(Uint8Array.from(await answer.promise), Uint8Array.of(1, 2, 3))
    socket.close()
    socket.close()
  }
  t.ok(clients.size >= 19, `${clients.size} ports`)
  t.ok(Math.max(...clients) - Math.min(...clients) > 20_000, 'far apart')
  for (const client of clients) t.ok(client >= 1024)
})

t.test('a port that is taken is passed over', async t => {
  const { port, socket } = await startEcho(t)
  const taken = createSocket('udp4')
  await new Promise<void>(resolve => taken.bind(0, resolve))
  t.teardown(() => taken.close())
  let tries = 0
  const ports = [taken.address().port - 1024]
  const random = { bytes: (size: number) => new Uint8Array(size), below: () => ports[tries++] ?? 40_000 + tries }
  const opened = await createSystemNetwork(random).udp({ address: '127.0.0.1', port }, () => {}, fail)
  t.ok(tries > 1)
  opened.close()
  t.ok(socket)
})

t.test('only datagrams of the remote arrive', async t => {
  const { port } = await startEcho(t)
  const received: string[] = []
  const answer = Promise.withResolvers<void>()
  let local = 0
  const forger = createSocket('udp4')
  const random = {
    bytes: (size: number) => new Uint8Array(size),
    below: () => (local = 20_000 + Math.floor(Math.random() * 20_000)),
  }
  const socket = await createSystemNetwork(random).udp(
    { address: '127.0.0.1', port },
    message => {
      received.push(Buffer.from(message).toString())
      answer.resolve()
    },
    fail,
  )
  await new Promise(resolve => forger.send('forged', local + 1024, '127.0.0.1', resolve))
  socket.send(Buffer.from('true'))
  await answer.promise
  t.same(received, ['true'])
  socket.close()
  forger.close()
})

t.test('a refused datagram is an error', async t => {
  const unused = createSocket('udp4')
  await new Promise<void>(resolve => unused.bind(0, '127.0.0.1', resolve))
  const { port } = unused.address()
  await new Promise<void>(resolve => unused.close(resolve))
  const refused = Promise.withResolvers<Error>()
  const socket = await systemNetwork.udp({ address: '127.0.0.1', port }, () => {}, refused.resolve)
  socket.send(Uint8Array.of(1))
  t.match(await refused.promise, { code: 'ECONNREFUSED' })
  socket.close()
})

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

t.test('a source address is what the peer sees, of datagrams and connections', async t => {
  const server = createSocket('udp4').bind(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const seen = once(server, 'message')
  const fail = (error: Error): void => void t.fail(error.message)
  const remote = { address: '127.0.0.1', port: server.address().port }
  const socket = await systemNetwork.udp(remote, () => {}, fail, { source: '127.0.0.3' })
  socket.send(Uint8Array.of(1))
  t.match((await seen)[1], { address: '127.0.0.3' })
  socket.close()
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
