import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import fc from 'fast-check'
import t from 'tap'
import { readClientHello } from '../../../server/listen/client-hello.ts'

/** What Node's client says first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ host: '127.0.0.1', port, ...options }).on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  let read = Buffer.alloc(0)
  while (readClientHello(read) === undefined) read = Buffer.concat([read, (await once(socket, 'data'))[0]])
  client.destroy()
  socket.destroy()
  server.close()
  return read
}

const whole = await helloOf({ servername: 'CA.Example.com', ALPNProtocols: ['h2', 'http/1.1'] })

t.test('RFC 6066 §3, RFC 7301 §3.1: the host that is asked for and what may be spoken', async t => {
  t.same(readClientHello(whole), { serverName: 'ca.example.com', protocols: ['h2', 'http/1.1'] })
  t.same(readClientHello(await helloOf({ ALPNProtocols: ['http/1.1'] })), { protocols: ['http/1.1'] })
  t.same(readClientHello(await helloOf({ maxVersion: 'TLSv1.2' })), { protocols: [] })
})

t.test('wherever it is cut, the rest is waited for, and what follows it does not matter', async t => {
  for (let end = 0; end < whole.length; end++) t.equal(readClientHello(whole.subarray(0, end)), undefined)
  t.same(readClientHello(Buffer.concat([whole, Buffer.of(1, 2, 3)])), readClientHello(whole))
})

t.test('without extensions it says nothing of either', async t => {
  const hello = Buffer.concat([Buffer.of(3, 3), Buffer.alloc(32), Buffer.of(0, 0, 2, 0x13, 1, 1, 0)])
  const octets = Buffer.concat([Buffer.of(22, 3, 1, 0, hello.length + 4, 1, 0, 0, hello.length), hello])
  t.same(readClientHello(octets), { protocols: [] })
})

t.test('what is no ClientHello is told from one that is not whole yet', async t => {
  const changed = (at: number, octet: number) =>
    Buffer.concat([whole.subarray(0, at), Buffer.of(octet), whole.subarray(at + 1)])
  const cases = {
    'HTTP without TLS': Buffer.from('GET'),
    'a record of another kind': changed(0, 23),
    'another handshake message': changed(5, 2),
    'a message that goes on in another record': changed(6, 1),
    'a record that is too long (RFC 8446 §5.1)': changed(3, 0x41),
    'a record that is too short for a message': Buffer.of(22, 3, 1, 0, 3, 1, 0, 0),
    'a session that reaches over the end': changed(43, 255)
      .subarray(0, 5 + 39)
      .fill(39, 4, 5)
      .fill(0, 3, 4),
  }
  for (const [name, octets] of Object.entries(cases)) t.equal(readClientHello(octets), null, name)
})

t.test('whatever comes, it is read or refused', async t => {
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.uint8Array({ maxLength: 8 }), (at, octets) => {
      const mutated = Buffer.from(whole)
      mutated.set(octets.subarray(0, mutated.length - at), at)
      readClientHello(mutated)
    }),
  )
  t.pass()
})
