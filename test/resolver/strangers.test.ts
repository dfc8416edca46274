/** On sockets of the system: what comes from somebody else than who was asked, and connections that are torn down. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { Flag, Rcode } from '../../dns/codes.ts'
import { frame } from '../../dns/frames.ts'
import { parseMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { printRecord } from '../../dns/types.ts'
import { silentLog } from '../../host/log.ts'
import { systemRandom } from '../../host/random.ts'
import { createSystemNetwork } from '../../host/system-network.ts'
import { createResolver } from '../../resolver/resolver.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { respond } from './world.ts'

const HONEST = ['www.example. 60 A 192.0.2.80']
const FORGED = ['www.example. 60 A 203.0.113.66']

async function bound(t: Test, address: string): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, address)
  await once(socket, 'listening')
  t.teardown(() => void socket.close())
  return socket
}

function ask(t: Test, port: number) {
  const to = [{ transport: 'udp' as const, address: '127.0.0.1', port }]
  const clock = createSimulatedClock()
  const resolver = createResolver({
    ...{ rules: [{ zone: parseName('.'), to }], network: createSystemNetwork() },
    ...{ clock, random: systemRandom, log: silentLog },
  })
  t.teardown(() => resolver.close())
  const asked = async () => {
    const { rcode, answer, from } = await resolver.resolve({ name: parseName('www.example.'), type: 1, class: 1 })
    return { rcode, answer: answer.map(printRecord), from }
  }
  return { clock, asked }
}

t.test('RFC 5452 §9.1: what another address or another port sends is not even seen', async t => {
  const [server, otherPort, otherAddress] = await Promise.all(
    ['127.0.0.1', '127.0.0.1', '127.0.0.9'].map(address => bound(t, address)),
  )
  server!.on('message', (bytes, { port, address }) => {
    const query = parseMessage(bytes)
    const forged = respond(query, { answer: FORGED })
    // Only when both are on their way does the right one answer.
    otherPort!.send(forged, port, address, () =>
      otherAddress!.send(forged, port, address, () => server!.send(respond(query, { answer: HONEST }), port, address)),
    )
  })
  const { asked } = ask(t, server!.address().port)
  t.match(await asked(), { rcode: Rcode.NOERROR, answer: [/192\.0\.2\.80/], from: 'upstream' })
  t.match(await asked(), { answer: [/192\.0\.2\.80/], from: 'cache' })
})

t.test('a connection that is reset in the midst of an answer leaves nothing behind', async t => {
  const server = await bound(t, '127.0.0.1')
  const { port } = server.address()
  let resets = 0
  let honest = false
  const streams = createServer(stream => {
    stream.on('error', () => {})
    stream.on('data', bytes => {
      const framed = frame(respond(parseMessage(bytes.subarray(2)), { answer: honest ? HONEST : FORGED }))
      if (honest) return void stream.write(framed)
      resets++
      stream.write(framed.subarray(0, framed.length - 3), () => stream.resetAndDestroy())
    })
  }).listen(port, '127.0.0.1')
  await once(streams, 'listening')
  t.equal((streams.address() as AddressInfo).port, port)
  t.teardown(() => streams.close())
  server.on('message', (bytes, from) =>
    server.send(respond(parseMessage(bytes), { flags: Flag.QR | Flag.TC }), from.port, from.address),
  )
  const { clock, asked } = ask(t, port)
  t.match(await asked(), { rcode: Rcode.SERVFAIL, answer: [] })
  t.ok(resets > 0)
  honest = true
  await clock.advance(60_000)
  t.match(await asked(), { rcode: Rcode.NOERROR, answer: [/192\.0\.2\.80/], from: 'upstream' })
})
