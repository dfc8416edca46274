import t from 'tap'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName, ROOT } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { signRequest } from '../../../dns/tsig.ts'
import { type TsigKey, tsigKey } from '../../../dns/tsig-record.ts'
import { createStreamVerifier } from '../../../dns/tsig-stream.ts'
import { parseRdataText, printRecord, Type } from '../../../dns/types.ts'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import type { Client } from '../../../server/listen/client.ts'
import { cellOf, createCounters } from '../../../server/metrics/metrics.ts'
import type { ServingView } from '../../../server/requests/state.ts'
import { Transfers } from '../../../server/requests/transfer.ts'
import { packRecords } from '../../../zones/store/packed.ts'
import { ixfrRecords } from '../../../zones/transfer/transfer.ts'
import { exchangeUdp, FrameClient, queryMessage, type Served, serve } from '../serving.ts'

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')
const CONFIG = `
name: ns1.example
keys: [{ name: xfr, secret: ${SECRET.toString('base64')} }, { name: other, secret: ${SECRET.toString('base64')} }]
views:
  - name: all
    zones:
      - { name: a.example, file: a.zone, transfer: [{ key: xfr }] }
      - { name: open.example, file: a.zone, transfer: [{ from: [127.0.0.1] }] }
      - { name: dyn.example, dynamic: true, transfer: [{ key: xfr }], update: [{ key: xfr, names: ["**"] }] }
      - { name: late.example, file: a.zone, transfer: [{ key: xfr }] }
      - { name: whole.example, file: a.zone, transfer: [{ key: xfr, ixfr: false }] }
transfers: { out: 1 }
`
const COUNT = 3000
const HOSTS = Array.from({ length: COUNT }, (_, i) => `h${i} TXT "heritage=external-dns,external-dns/owner=${i}"`)
const ZONE = `$TTL 0\n@ SOA ns h 7 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n${HOSTS.join('\n')}\n`
const ZONES = {
  'all a.example.': ZONE,
  'all dyn.example.': ZONE,
  'all whole.example.': ZONE,
  'all open.example.': '$TTL 9\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n',
}

const xfr = tsigKey(parseName('xfr.'), 'hmac-sha256', [SECRET])
const now = (): number => Math.floor(Date.now() / 1000)

async function serveHere(t: { teardown(task: () => unknown): void }): Promise<{ served: Served; client: FrameClient }> {
  const served = await serve({ config: CONFIG, zones: ZONES })
  const client = new FrameClient(served.dns)
  t.teardown(async () => {
    await client.end()
    await served.stop()
  })
  return { served, client }
}

function request(zone: string, type: 'AXFR' | 'IXFR', serial?: number): Message {
  const message = queryMessage({ name: zone, type })
  if (serial === undefined) return message
  const rdata = parseRdataText(Type.SOA, `ns h ${serial} 2 3 4 5`, ROOT)
  return { ...message, authority: [{ owner: parseName(zone), type: Type.SOA, class: 1, ttl: 0, rdata }] }
}

/** All messages of a signed transfer, each verified as it comes. */
async function transfer(client: FrameClient, message: Message, key: TsigKey): Promise<Message[]> {
  const { wire, context } = signRequest(writeMessage(message), key, now())
  const verifier = createStreamVerifier(context)
  client.send(wire)
  const messages: Message[] = []
  let soas = 0
  while (soas < 2) {
    const octets = (await client.messages(messages.length + 1))[messages.length]!
    const answer = parseMessage(octets)
    verifier.check(octets, answer, now())
    if (!answer.tsig) throw new Error('an envelope is not signed')
    messages.push(answer)
    if (answer.rcode !== 0) break
    soas += answer.answer.filter(({ type }) => type === Type.SOA).length
    if (answer.answer.length === 1 && messages.length === 1) break
  }
  verifier.end()
  return messages
}

t.test('AXFR over TCP (RFC 5936)', async t => {
  const { served, client } = await serveHere(t)
  const messages = await transfer(client, request('a.example.', 'AXFR'), xfr)
  const records = messages.flatMap(({ answer }) => answer)
  t.ok(messages.length > 3, `${messages.length} messages, every one signed`)
  t.equal(records.length, COUNT + 4, '§2.2 the whole zone, and the SOA again')
  t.equal(records[0]!.type, Type.SOA)
  t.equal(records.at(-1)!.type, Type.SOA)
  t.ok(
    messages.slice(0, -1).every(({ answer }) => answer.at(-1)!.type !== Type.SOA),
    'no message but the last ends on an SOA',
  )
  t.ok(
    messages.every(({ id, flags }) => id === 4711 && (flags & Flag.AA) !== 0),
    '§2.2.1 the ID and AA in all',
  )
  while (served.logged.length === 0) await new Promise(setImmediate)
  t.match(served.logged.at(-1), { message: 'zone transferred', fields: { zone: 'a.example.', serial: 7, key: 'xfr.' } })
})

t.test('an update while a transfer runs is in the next one', async t => {
  const { served, client } = await serveHere(t)
  const image = [...served.images.values()][0]!
  const before = image.latest()
  const soa = before.rrset(image.origin, Type.SOA)!
  const record = (rdata: Uint8Array) => ({ owner: image.origin, type: Type.SOA, class: 1, ttl: soa.ttl, rdata })
  const { wire } = signRequest(writeMessage(request('a.example.', 'AXFR')), xfr, now())
  client.socket.pause()
  client.send(wire)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  const next = parseRdataText(Type.SOA, 'ns.a.example. h.a.example. 8 2 3 4 5', ROOT)
  const version = image.apply(before, { deleted: [record(soa.rdatas[0]!)], added: [record(next)] })!
  image.publish(version)
  client.socket.resume()
  const soas: string[] = []
  for (let count = 1; soas.length < 2; count++) {
    const message = parseMessage((await client.messages(count))[count - 1]!)
    soas.push(...message.answer.filter(({ type }) => type === Type.SOA).map(printRecord))
  }
  t.match(soas[0], / [78] 2 3 4 5$/)
  t.equal(soas[0], soas[1], 'it begins and ends with the same serial')
})

t.test('queries are answered while a transfer runs (RFC 7766 §7)', async t => {
  const { client } = await serveHere(t)
  const { wire } = signRequest(writeMessage(request('a.example.', 'AXFR')), xfr, now())
  client.send(wire, writeMessage(queryMessage({ name: 'ns.a.example.', id: 99 })))
  for (let count = 1; ; count++) {
    const answers = (await client.messages(count)).map(octets => parseMessage(octets))
    const at = answers.findIndex(({ id }) => id === 99)
    if (at < 0) continue
    t.ok(at < 3, 'before the transfer has ended')
    break
  }
})

/** The journal of dyn.example: a TXT of the zone goes, many addresses come. */
function differences(count: number): Iterator<Uint8Array> {
  const owner = parseName('dyn.example.')
  const soa = (serial: number) => parseRdataText(Type.SOA, `ns h ${serial} 2 3 4 5`, owner)
  const record = (name: string, type: number, rdata: Uint8Array) => ({
    ...{ owner: name === '' ? owner : parseName(name, owner), type, class: 1, ttl: 0, rdata },
  })
  const hosts = Array.from({ length: count }, (_, i) => record(`n${i}`, Type.A, Uint8Array.of(10, 0, i >> 8, i & 255)))
  const deleted = [record('', Type.SOA, soa(3)), record('gone', Type.A, Uint8Array.of(10, 0, 0, 1))]
  return packRecords(ixfrRecords({ deleted, added: [record('', Type.SOA, soa(7)), ...hosts] }), 1 << 12)
}

t.test("IXFR from main's journal (RFC 1995 §4)", async t => {
  const asked: object[] = []
  const main = {
    differences: async (request: { serial: number }) => {
      asked.push(request)
      return request.serial === 3 ? differences(2000) : undefined
    },
  }
  const served = await serve({ config: CONFIG, zones: ZONES }, { main })
  const client = new FrameClient(served.dns)
  t.teardown(async () => {
    await client.end()
    await served.stop()
  })
  t.test('the differences come in signed messages, in the order of the RFC', async t => {
    const { wire, context } = signRequest(writeMessage(request('dyn.example.', 'IXFR', 3)), xfr, now())
    const verifier = createStreamVerifier(context)
    client.send(wire)
    const records: ResourceRecord[] = []
    for (let count = 1; records.length < 2005; count++) {
      const octets = (await client.messages(count))[count - 1]!
      const answer = parseMessage(octets)
      t.ok(answer.tsig)
      verifier.check(octets, answer, now())
      records.push(...answer.answer)
    }
    verifier.end()
    const soas = records.map(({ type }, at) => (type === Type.SOA ? at : -1)).filter(at => at >= 0)
    t.same(soas, [0, 1, 3, 2004], 'new SOA, old SOA and what goes, new SOA and what comes, new SOA')
    while (!served.logged.some(({ message }) => message === 'zone transferred')) await new Promise(setImmediate)
    t.match(served.logged.at(-1), { fields: { kind: 'IXFR', zone: 'dyn.example.' } })
  })
  t.test('where the journal does not go back so far, the whole zone', async t => {
    const fresh = new FrameClient(served.dns)
    const messages = await transfer(fresh, request('dyn.example.', 'IXFR', 2), xfr)
    t.equal(messages.flatMap(({ answer }) => answer).length, COUNT + 4)
    await fresh.end()
  })
  t.test('a client that leaves in the middle ends it', async t => {
    const fresh = new FrameClient(served.dns)
    fresh.socket.pause()
    fresh.send(signRequest(writeMessage(request('dyn.example.', 'IXFR', 3)), xfr, now()).wire)
    while (asked.length < 3) await new Promise(setImmediate)
    await fresh.end()
    t.ok(fresh.closed)
  })
})

t.test('a rule with ixfr: false gives no differences', async t => {
  const main = { differences: async () => t.fail('main is not asked') as unknown as undefined }
  const served = await serve({ config: CONFIG, zones: ZONES }, { main })
  const client = new FrameClient(served.dns)
  t.teardown(async () => {
    await client.end()
    await served.stop()
  })
  const messages = await transfer(client, request('whole.example.', 'IXFR', 3), xfr)
  t.equal(messages.flatMap(({ answer }) => answer).length, COUNT + 4)
})

t.test('transfers.out: who comes when so many run is told to come again', async t => {
  const { served, client } = await serveHere(t)
  const wire = () => signRequest(writeMessage(request('a.example.', 'AXFR')), xfr, now()).wire
  client.socket.pause()
  client.send(wire())
  const second = new FrameClient(served.dns)
  second.send(wire())
  const answer = parseMessage((await second.messages(1))[0]!)
  t.equal(answer.rcode, Rcode.SERVFAIL)
  await second.end()
})

t.test('IXFR (RFC 1995)', async t => {
  const { served, client } = await serveHere(t)
  t.test('§4 a client that is up to date gets the SOA alone', async t => {
    const [only] = await transfer(client, request('a.example.', 'IXFR', 7), xfr)
    t.equal(only!.answer.length, 1)
  })
  t.test('§2 over UDP the SOA alone, which sends the client to TCP', async t => {
    const { wire } = signRequest(writeMessage(request('a.example.', 'IXFR', 1)), xfr, now())
    const answer = parseMessage(await exchangeUdp(served.dns, wire))
    t.equal(answer.answer.length, 1)
    t.equal(answer.answer[0]!.type, Type.SOA)
  })
  t.test('§4 an older client gets the whole zone', async t => {
    const fresh = new FrameClient(served.dns)
    const messages = await transfer(fresh, request('a.example.', 'IXFR', 1), xfr)
    t.equal(messages.flatMap(({ answer }) => answer).length, COUNT + 4)
    await fresh.end()
  })
  t.test('§3 without the SOA of the client: FORMERR', async t => {
    const { wire } = signRequest(writeMessage(request('a.example.', 'IXFR')), xfr, now())
    t.equal(parseMessage(await exchangeUdp(served.dns, wire)).rcode, Rcode.FORMERR)
  })
})

t.test('who may not have the zone', async t => {
  const { served, client } = await serveHere(t)
  const other = tsigKey(parseName('other.'), 'hmac-sha256', [SECRET])
  const signed = (zone: string, key: TsigKey) => signRequest(writeMessage(request(zone, 'AXFR')), key, now()).wire
  const cases: [string, Uint8Array, number][] = [
    ['unsigned where a key is asked for: REFUSED', writeMessage(request('a.example.', 'AXFR')), Rcode.REFUSED],
    ['another key: REFUSED', signed('a.example.', other), Rcode.REFUSED],
    ['a zone we do not have: NOTAUTH', signed('b.example.', xfr), Rcode.NOTAUTH],
    ['a name below the apex: NOTAUTH', signed('ns.a.example.', xfr), Rcode.NOTAUTH],
    ['a zone that has nothing to serve yet: SERVFAIL', signed('late.example.', xfr), Rcode.SERVFAIL],
    ['an address that is allowed: NOERROR', writeMessage(request('open.example.', 'AXFR')), Rcode.NOERROR],
  ]
  for (const [i, [name, wire, rcode]] of cases.entries())
    t.test(name, async t => {
      client.send(wire)
      const answer = parseMessage((await client.messages(i + 1))[i]!)
      t.equal(answer.rcode, rcode)
      if (rcode === Rcode.REFUSED)
        t.match(served.logged.at(-1)!.fields['reason'], /no transfer rule of the zone allows/)
    })
})

t.test('RFC 9103 §7.2: over TLS 1.2 there are no transfers', async t => {
  const counters = new Float64Array(createCounters())
  const main = { differences: () => t.fail() as never }
  const transfers = new Transfers({ counters, main, most: () => 1, clock: systemClock, log: silentLog })
  for (const type of ['AXFR', 'IXFR'] as const)
    t.throws(
      () =>
        transfers.start({
          client: { transport: 'tls', tlsVersion: 'TLSv1.2' } as Client,
          message: request('a.example.', type, 3),
          view: {} as ServingView,
          signing: undefined,
        }),
      { rcode: Rcode.REFUSED, message: `${type} over TLS needs TLS 1.3` },
    )
  t.equal(counters[cellOf('namestead_dns_transfers_total', 'refused')], 2, 'and it is counted')
})

t.test('a client that goes away ends its transfer', async t => {
  const { served, client } = await serveHere(t)
  const { wire } = signRequest(writeMessage(request('a.example.', 'AXFR')), xfr, now())
  client.send(wire)
  await client.messages(1)
  await client.end()
  while (!served.logged.some(({ message }) => /zone transfer/.test(message))) await new Promise(setImmediate)
  t.match(served.logged.at(-1)!.message, /zone transfer/)
})
