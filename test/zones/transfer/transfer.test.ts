import t from 'tap'
import { Class, Flag } from '../../../dns/codes.ts'
import { parseMessage } from '../../../dns/message.ts'
import { parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { diffRecords, mergeChanges } from '../../../zones/change.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { packRecords, unpackRecords } from '../../../zones/store/packed.ts'
import { axfrMessages, ixfrMessages, ixfrRecords, soaMessage } from '../../../zones/transfer/transfer.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { lines, NS, ORIGIN, records, SOA } from '../lines.ts'

const request = (type: number, name = ORIGIN) => ({
  id: 4711,
  flags: Flag.RD,
  question: { name, type, class: Class.IN },
})
const version = (rest: string[], serial = 10) =>
  ZoneImage.create(ORIGIN, records([SOA.replace(' 10 ', ` ${serial} `), NS, ...rest])).latest()
const read = (messages: Iterable<Uint8Array>) => [...messages].map(wire => ({ wire, ...parseMessage(wire.slice()) }))
const hosts = (count: number) => Array.from({ length: count }, (_, i) => `Host${i} 60 IN A 192.0.2.${i % 256}`)

t.test('RFC 5936 §2.2: AXFR begins and ends with the SOA, and has all records between', async t => {
  const zone = version(['www 60 IN A 192.0.2.1', 'www 0 IN TXT "two" "strings"', 'deep.empty 60 IN MX 10 www'])
  const messages = read(axfrMessages(zone, request(Type.AXFR)))
  t.equal(messages.length, 1)
  const { id, flags, question, answer } = messages[0]!
  t.same(
    { id, flags, question },
    { id: 4711, flags: Flag.QR | Flag.AA | Flag.RD, question: [request(Type.AXFR).question] },
  )
  t.equal(answer[0]!.type, Type.SOA)
  t.same(answer.at(-1), answer[0])
  t.same(lines(answer.slice(0, -1)), lines(recordsOfVersion(zone)))
})

t.test('a large zone comes in messages of 16 KiB, with the question in each, in stable order', async t => {
  const zone = version(hosts(5000))
  const messages = read(axfrMessages(zone, request(Type.AXFR)))
  t.ok(messages.length > 3)
  for (const { wire, question } of messages) {
    t.ok(wire.length <= 16 * 1024)
    t.equal(question.length, 1)
  }
  const all = messages.flatMap(({ answer }) => answer)
  t.same(lines(all.slice(0, -1)), lines(recordsOfVersion(zone)))
  const again = read(axfrMessages(zone, request(Type.AXFR))).flatMap(({ answer }) => answer)
  t.same(again, all)
  t.match(lines(all), [/^Host0\./], 'names keep their spelling')
})

t.test('no message but the last ends on an SOA, even where the record after the first is large', async t => {
  const strings = (count: number) => Array.from({ length: count }, () => `"${'x'.repeat(255)}"`).join(' ')
  const zone = version([`@ 60 IN TXT ${strings(240)}`, ...hosts(3000)])
  const messages = read(axfrMessages(zone, request(Type.AXFR)))
  for (const { answer } of messages.slice(0, -1)) t.not(answer.at(-1)!.type, Type.SOA)
  t.equal(messages.flatMap(({ answer }) => answer).length, 3004)
  for (const { wire } of messages) t.ok(wire.length <= 0xffff - 1024)
})

t.test('a zone that changes while it is transferred is transferred as it was', async t => {
  const zone = version(hosts(2000))
  const messages = axfrMessages(zone, request(Type.AXFR))
  const first = messages.next().value as Uint8Array
  const change = diffRecords(records([SOA, ...hosts(2000)]), records([SOA.replace(' 10 ', ' 11 ')]))
  zone.image.publish(zone.image.apply(zone, change)!)
  t.equal(zone.image.latest().size(), 2)
  const rest = [...messages].flatMap(wire => parseMessage(wire.slice()).answer)
  t.equal(parseMessage(first.slice()).answer.length + rest.length, 2003)
})

t.test('a question that is spelled otherwise does not respell the zone', async t => {
  const zone = version(['www 60 IN A 192.0.2.1'])
  const [message] = read(axfrMessages(zone, request(Type.AXFR, parseName('A.Example.'))))
  t.same(lines(message!.answer.slice(0, -1)), lines(recordsOfVersion(zone)))
})

t.test(
  'RFC 1995 §4: IXFR is the new SOA, what goes after the old SOA, what comes after the new one, and the new SOA',
  async t => {
    const [one, two, three] = [
      version(['a 60 IN A 192.0.2.1'], 10),
      version(['b 60 IN A 192.0.2.1'], 11),
      version(['c 60 IN A 192.0.2.1'], 12),
    ]
    const changes = [
      diffRecords(recordsOfVersion(one), recordsOfVersion(two)),
      diffRecords(recordsOfVersion(two), recordsOfVersion(three)),
    ]
    const parts = [...packRecords(ixfrRecords(mergeChanges(changes[0]!, changes[1]!)), 60)]
    t.ok(parts.length > 1)
    const messages: Uint8Array[] = []
    const unpacked = async function* () {
      for (const part of parts) yield unpackRecords(part)
    }
    for await (const message of ixfrMessages(unpacked(), request(Type.IXFR))) messages.push(message)
    const shape = read(messages)
      .flatMap(({ answer }) => answer)
      .map(({ type, owner, rdata }) => (type === Type.SOA ? String(rdata.at(-17)) : String.fromCharCode(owner[1]!)))
    t.same(shape, ['12', '10', 'a', '12', 'c', '12'])
  },
)

t.test('RFC 1995 §2: an IXFR that has nothing newer is one SOA', async t => {
  const { answer } = parseMessage(soaMessage(version([]), request(Type.IXFR)))
  t.same(
    answer.map(({ type }) => type),
    [Type.SOA],
  )
})
