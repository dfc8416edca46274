import t from 'tap'
import { Flag, Opcode, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName } from '../../../dns/name.ts'
import { signResponse, verifyRequest } from '../../../dns/tsig.ts'
import { tsigKey } from '../../../dns/tsig-record.ts'
import { soaSerial } from '../../../zones/soa.ts'
import { Notifier } from '../../../zones/transfer/notifier.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork } from '../../simulation/network.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { keepLog } from '../kept-log.ts'
import { ORIGIN, record, SOA } from '../lines.ts'

const AT = '192.0.2.53:53'
const KEY = tsigKey(parseName('xfr.'), 'hmac-sha256', [Buffer.alloc(32, 7)])

function world(options: { key?: boolean } = {}) {
  const clock = createSimulatedClock()
  const random = createSeededRandom(1)
  const network = createSimulatedNetwork(clock, random)
  const { log, logged } = keepLog()
  const notifier = new Notifier({ network, clock, random, log, findKey: () => KEY })
  let serial = 10
  const server = { address: { address: '192.0.2.53', port: 53 }, ...(options.key && { key: KEY.name }) }
  const soa = () => record(SOA.replace(' 10 ', ` ${serial} `))
  const changed = (to = serial) => {
    serial = to
    notifier.changed({ view: 'inside', origin: ORIGIN, notify: [server], soa })
  }
  const told = () => network.seen.map(({ message }) => soaSerial(parseMessage(message).answer[0]!.rdata))
  const answering = (answer: (request: Message) => Partial<Message> = () => ({})) =>
    network.serve(AT, (wire, _via, reply) => {
      const request = parseMessage(wire)
      const response = writeMessage({ ...request, flags: request.flags | Flag.QR, answer: [], ...answer(request) })
      if (!request.tsig) return reply(response)
      const verdict = verifyRequest(wire, request, () => KEY, Math.floor(clock.now() / 1000))
      if (verdict.kind === 'valid') reply(signResponse(response, verdict.context, Math.floor(clock.now() / 1000)))
    })
  return { clock, network, notifier, logged, changed, told, answering }
}

t.test('RFC 1996 §3.7: a NOTIFY has AA, the SOA as question, and the new SOA as a hint', async t => {
  const { clock, network, changed, answering } = world()
  answering()
  changed()
  await clock.advance(200)
  const { opcode, flags, question, answer } = parseMessage(network.seen[0]!.message)
  t.equal(opcode, Opcode.NOTIFY)
  t.equal(flags, Flag.AA)
  t.same(question, [{ name: ORIGIN, type: 6, class: 1 }])
  t.equal(answer.length, 1)
})

t.test('RFC 1996 §3.6: it is sent again until it is answered, and not for ever', async t => {
  const { clock, network, changed, told, answering, logged } = world()
  answering()
  network.condition(AT, 'silent')
  changed()
  await clock.advance(3000)
  network.condition(AT, 'up')
  await clock.advance(10_000)
  t.same(told(), [10], 'heard at the third try')
  network.condition(AT, 'silent')
  changed(11)
  await clock.advance(200_000)
  t.match(logged.at(-1), { level: 'warn', fields: { reason: 'no answer', serial: 11 } })
  t.equal(clock.pending(), 0, 'given up')
  t.equal(network.open(), 0)
})

t.test('changes close to each other are told as one, and the last is always told', async t => {
  const { clock, changed, told, answering } = world()
  answering()
  for (let serial = 11; serial <= 40; serial++) {
    changed(serial)
    await clock.advance(100)
  }
  await clock.advance(2000)
  t.ok(told().length <= 6, `${told().length} messages for 30 changes`)
  t.equal(told().at(-1), 40)
})

t.test('nobody is told twice of the same serial', async t => {
  const { clock, changed, told, answering } = world()
  answering()
  changed()
  await clock.advance(5000)
  changed()
  await clock.advance(5000)
  t.same(told(), [10])
})

t.test('what changes while a server is not heard is told when it is', async t => {
  const { clock, network, changed, told, answering } = world()
  answering()
  network.condition(AT, 'silent')
  changed(11)
  await clock.advance(4000)
  changed(12)
  network.condition(AT, 'up')
  await clock.advance(10_000)
  t.same(told(), [11, 12])
})

t.test('what is told is the zone as it was last spoken of: a reload may have put another in its place', async t => {
  const { clock, notifier, told, answering } = world()
  answering()
  const notify = [{ address: { address: '192.0.2.53', port: 53 } }]
  for (const serial of [20, 21])
    notifier.changed({
      ...{ view: 'inside', origin: ORIGIN, notify },
      soa: () => record(SOA.replace(' 10 ', ` ${serial} `)),
    })
  await clock.advance(5000)
  t.same(told(), [21])
})

t.test('a refusal counts as heard, and is logged', async t => {
  const { clock, changed, told, answering, logged } = world()
  answering(() => ({ rcode: Rcode.NOTAUTH }))
  changed()
  await clock.advance(60_000)
  t.same(told(), [10])
  t.match(logged.at(-1), { level: 'warn', fields: { rcode: 'NOTAUTH', server: AT, zone: 'a.example.' } })
})

t.test('ICMP says that nobody is there: it is not tried again', async t => {
  const { clock, network, changed, answering, logged } = world()
  answering()
  network.condition(AT, 'refusing')
  changed()
  await clock.advance(60_000)
  t.match(logged.at(-1), { level: 'warn', fields: { reason: 'connection refused' } })
  t.equal(clock.pending(), 0)
})

t.test('with a key it is signed, and what is not signed is no answer (RFC 8945 §5.4)', async t => {
  const { clock, network, changed, told, answering, logged } = world({ key: true })
  answering()
  changed()
  await clock.advance(60_000)
  t.same(told(), [10])
  network.serve(AT, (wire, _via, reply) => {
    const { tsig: _tsig, ...request } = parseMessage(wire)
    reply(writeMessage({ ...request, flags: request.flags | Flag.QR }))
  })
  changed(11)
  await clock.advance(200_000)
  t.same(told(), [10, 11, 11, 11, 11, 11, 11])
  t.match(logged.at(-1), { fields: { reason: 'the answer is not signed' } })
})
