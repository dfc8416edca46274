import t from 'tap'
import { Class, Rcode } from '../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { printRdata } from '../../dns/types.ts'
import { readProxyHeader } from '../../server/listen/proxy-header.ts'
import { ask, exchangeUdp, FrameClient, queryMessage, type Served, serve } from './serving.ts'

const CONFIG = `
name: ns1.example
proxy_protocol: [127.0.0.1]
views:
  - { name: far, match: { clients: [192.0.2.0/24, "2001:db8::/32"] }, zones: [{ name: a.example, file: z }] }
  - { name: asked, match: { destinations: ["198.51.100.7:53"] }, zones: [{ name: a.example, file: z }] }
  - { name: near, match: { clients: [127.0.0.0/8] }, zones: [{ name: a.example, file: z }] }
`
const zone = (address: string): string => `$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 127.0.0.1\nwww A ${address}\n`
const ZONES = {
  'far a.example.': zone('192.0.2.1'),
  'asked a.example.': zone('192.0.2.2'),
  'near a.example.': zone('192.0.2.3'),
}

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex')
/** Version and command, family and transport, length, addresses. */
const HEADERS = {
  udp4: hex(`${SIGNATURE} 21 12 000c c0000209 c6336405 1f90 0035`),
  tcp4: hex(`${SIGNATURE} 21 11 000c c0000209 c6336405 1f90 0035`),
  udp6: hex(`${SIGNATURE} 21 22 0024 20010db8${'00'.repeat(11)}01 20010db8${'00'.repeat(11)}02 1f90 0035`),
  mapped: hex(`${SIGNATURE} 21 21 0024 ${'00'.repeat(10)}ffffc0000209 ${'00'.repeat(10)}ffffc6336405 1f90 0035`),
  destination: hex(`${SIGNATURE} 21 12 000c cb007101 c6336407 1f90 0035`),
  fields: hex(`${SIGNATURE} 21 12 0013 c0000209 c6336405 1f90 0035 04 0004 00000000`),
  local: hex(`${SIGNATURE} 20 00 0000`),
  unspecified: hex(`${SIGNATURE} 21 00 0000`),
}
const QUERY = writeMessage(queryMessage({ name: 'www.a.example.' }))

async function serveHere(t: { teardown(task: () => unknown): void }): Promise<Served> {
  const served = await serve({ config: CONFIG, zones: ZONES })
  t.teardown(() => served.stop())
  return served
}

const addressIn = (wire: Uint8Array): string =>
  parseMessage(wire)
    .answer.map(({ rdata }) => rdata.join('.'))
    .join()

t.test('headers', async t => {
  for (const [name, header] of Object.entries(HEADERS)) {
    t.equal(readProxyHeader(header, 0, header.length)?.length, header.length, name)
    for (let length = 0; length < header.length; length++)
      t.equal(readProxyHeader(header, 0, length), undefined, `${name}: ${length} octets are not all`)
  }
  t.match(readProxyHeader(HEADERS.tcp4, 0, 28), {
    from: { address: { length: 4 }, port: 8080, destinationPort: 53 },
  })
  t.equal(readProxyHeader(HEADERS.mapped, 0, 52)!.from!.address.length, 4, 'an IPv4-mapped address is the IPv4 one')
  for (const [name, header] of [
    ['a query', QUERY],
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.9 198.51.100.5 8080 53\r\n')],
    ['another version', hex(`${SIGNATURE} 31 12 000c c0000209 c6336405 1f90 0035`)],
    ['another command', hex(`${SIGNATURE} 22 12 000c c0000209 c6336405 1f90 0035`)],
    ['addresses cut short', hex(`${SIGNATURE} 21 12 0004 c0000209`)],
    ['one longer than any', hex(`${SIGNATURE} 21 12 ffff c0000209 c6336405 1f90 0035`)],
  ] as const)
    t.equal(readProxyHeader(header, 0, header.length), null, name)
})

t.test('over UDP', async t => {
  const served = await serveHere(t)
  for (const [name, header, address] of [
    ['IPv4', HEADERS.udp4, '192.0.2.1'],
    ['IPv6', HEADERS.udp6, '192.0.2.1'],
    ['IPv4-mapped', HEADERS.mapped, '192.0.2.1'],
    ['the destination counts too', HEADERS.destination, '192.0.2.2'],
    ['with fields, which are ignored', HEADERS.fields, '192.0.2.1'],
    ['LOCAL: the proxy itself', HEADERS.local, '192.0.2.3'],
    ['of a family unknown to it', HEADERS.unspecified, '192.0.2.3'],
  ] as const)
    t.test(`${name}: ${address}`, async t =>
      t.equal(addressIn(await exchangeUdp(served.dns, Buffer.concat([header, QUERY]))), address),
    )
  t.test('others need no header, and none is read', async t => {
    t.equal(addressIn(await exchangeUdp(served.dns, QUERY, '127.0.0.2')), '192.0.2.3')
    const forged = Buffer.concat([HEADERS.udp4, QUERY])
    const answer = await exchangeUdp(served.dns, forged, '127.0.0.2')
    t.equal(answer.length >= 12 && addressIn(answer), '', 'nobody speaks for others who is not trusted')
  })
})

t.test('over TCP', async t => {
  const served = await serveHere(t)
  const frame = Buffer.concat([Buffer.from([0, QUERY.length]), QUERY])
  t.test('a header, then queries', async t => {
    const client = new FrameClient(served.dns)
    client.socket.write(Buffer.concat([HEADERS.tcp4, frame, frame]))
    t.same((await client.messages(2)).map(addressIn), ['192.0.2.1', '192.0.2.1'])
    await client.end()
  })
  t.test('octet by octet', async t => {
    const client = new FrameClient(served.dns)
    client.socket.setNoDelay(true)
    for (const octet of Buffer.concat([HEADERS.tcp4, frame])) {
      await new Promise(resolve => client.socket.write(Buffer.from([octet]), resolve))
      await new Promise(setImmediate)
    }
    t.same((await client.messages(1)).map(addressIn), ['192.0.2.1'])
    await client.end()
  })
  t.test('without a header the connection ends', async t => {
    const client = new FrameClient(served.dns)
    client.send(QUERY)
    t.same(await client.messages(1), [])
    t.ok(client.closed)
  })
})

t.test('CHAOS tells what it is configured to tell (RFC 4892)', async t => {
  const said = async (chaos: string, name: string): Promise<string> => {
    const config = `name: ns1.example\nchaos: ${chaos}\nviews: [{ name: all }]`
    const served = await serve({ config })
    t.teardown(() => served.stop())
    const { rcode, answer } = await ask(served.dns, { name, type: 'TXT', class: Class.CH })
    if (rcode !== Rcode.NOERROR) return String(rcode)
    return answer.map(record => `${record.class} ${printRdata(record.type, record.rdata)}`).join()
  }
  const both = '{ version: "namestead", identity: true }'
  t.equal(await said('{}', 'version.bind.'), '5')
  t.equal(await said('{}', 'id.server.'), '5')
  t.equal(await said(both, 'version.bind.'), '3 "namestead"')
  t.equal(await said(both, 'VERSION.server.'), '3 "namestead"')
  t.equal(await said(both, 'hostname.bind.'), '3 "ns1.example"')
  t.equal(await said(both, 'id.server.'), '3 "ns1.example"')
  t.equal(await said('{ version: "namestead" }', 'id.server.'), '5')
  t.equal(await said(both, 'authors.bind.'), '5')
})
