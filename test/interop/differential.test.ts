import t from 'tap'
import { parseName, printName } from '../../dns/name.ts'
import { typeCode } from '../../dns/types.ts'
import { ZoneTable } from '../../zones/lookup/table.ts'
import { sameByDatagram } from '../server/datagrams.ts'
import { askWire, imageOf, queryWire } from '../zones/ask.ts'
import { PARTS, type Part, type Reply, replyOf, replyOfMessage } from './differential/compare.ts'
import { deliberate } from './differential/differences.ts'
import { type NastyZone, nastyZones } from './differential/generator.ts'
import { Pipeline, serveByBind, serveByKnot, writeZones } from './differential/peers.ts'
import { eventually, freePorts, scratch, without } from './tools.ts'

// Tap's own limit for a file is what it runs under in the suite; alone it has this.
t.setTimeout(300_000)

const SEEDS = Number(process.env['DIFFERENTIAL_ZONES'] ?? 240)
const FIRST = Number(process.env['DIFFERENTIAL_FIRST'] ?? 0)
const TYPES = ['A', 'AAAA', 'NS', 'CNAME', 'MX', 'TXT', 'DNAME', 'DS', 'SOA', 'SRV', 'HTTPS'].map(
  type => [type, typeCode(type)!] as const,
)
const AT_ONCE = 128
const MOST_SHOWN = 10

t.test('what BIND and Knot agree on, we say too', { skip: without('named', 'knotd') }, async t => {
  const folder = scratch(t)
  const zones = Array.from({ length: SEEDS }, (_, i) => nastyZones(FIRST + i)).flat()
  const files = writeZones(folder, zones)
  const [bindPort, knotPort] = await freePorts(2)
  serveByBind(t, bindPort!, files)
  serveByKnot(t, knotPort!, files)
  const bind = await peer('BIND', bindPort!, zones)
  const knot = await peer('Knot', knotPort!, zones)
  t.teardown(() => {
    bind.close()
    knot.close()
  })
  const ours = new ZoneTable(zones.map(({ origin, text }) => imageOf(origin, text)))
  const originOf = (name: string) => {
    const origin = ours.find(parseName(name), 0)?.origin
    return origin && printName(origin)
  }
  const tally = new Tally(originOf)
  for (const batch of batches(zones)) {
    const wires = batch.map(({ name, type }) => queryWire(parseName(name), type))
    const [fromBind, fromKnot] = await Promise.all([
      Promise.all(wires.map(wire => bind.ask(wire))),
      Promise.all(wires.map(wire => knot.ask(wire))),
    ])
    batch.forEach((question, i) => {
      tally.count(question, answerOf(ours, wires[i]!), replyOf(fromBind[i]!), replyOf(fromKnot[i]!))
    })
  }
  t.comment(tally.summary(zones.length))
  for (const shown of tally.differences.slice(0, MOST_SHOWN)) t.fail(shown.sentence, shown.details)
  t.equal(tally.differences.length, 0, 'no difference but the deliberate ones')
  t.ok(tally.agreed.answer > tally.questions / 2, 'the peers agree on most answers')
  const wires = [...batches(zones)].flat().map(({ name, type }) => queryWire(parseName(name), type))
  sameByDatagram(t, [{ zones: ours, wires }], 1)
})

interface Question {
  name: string
  type: number
  typeName: string
  zone: NastyZone
}

/** Every name of every zone with every type, in pieces to be asked at once. */
function* batches(zones: readonly NastyZone[]): Generator<Question[]> {
  let batch: Question[] = []
  for (const zone of zones)
    for (const name of zone.names)
      for (const [typeName, type] of TYPES) {
        batch.push({ name, type, typeName, zone })
        if (batch.length < AT_ONCE) continue
        yield batch
        batch = []
      }
  yield batch
}

/** A connection to a server once it has loaded all the zones. */
async function peer(name: string, port: number, zones: readonly NastyZone[]): Promise<Pipeline> {
  let pipeline: Pipeline | undefined
  let missing: string[] = []
  const loaded = await eventually(async () => {
    pipeline ??= await Pipeline.open(port).catch(() => undefined)
    if (pipeline) missing = await notLoaded(pipeline, zones)
    return pipeline !== undefined && missing.length === 0
  }, 30)
  if (!loaded) throw new Error(`${name} does not answer for ${missing.length} zones: ${missing.slice(0, 5)}`)
  return pipeline!
}

async function notLoaded(pipeline: Pipeline, zones: readonly NastyZone[]): Promise<string[]> {
  const replies = await Promise.all(
    zones.map(({ origin }) => pipeline.ask(queryWire(parseName(origin), typeCode('SOA')!))),
  )
  return zones.filter((_, i) => !replyOf(replies[i]!).answer.includes(' SOA ')).map(({ origin }) => origin)
}

function answerOf(zones: ZoneTable, wire: Uint8Array): Reply {
  const { result, message } = askWire(zones, wire, { limit: 65535 })
  const reply = replyOfMessage(message)
  return result === 'notOurs' ? { ...reply, rcode: 'REFUSED' } : reply
}

/** Counts on what the peers agree, and collects where we differ. */
class Tally {
  questions = 0
  private readonly originOf: (name: string) => string | undefined
  readonly agreed: Record<Part, number> = { rcode: 0, aa: 0, answer: 0, authority: 0, additional: 0 }
  readonly deliberate = new Map<string, number>()
  readonly differences: { sentence: string; details: object }[] = []

  constructor(originOf: (name: string) => string | undefined) {
    this.originOf = originOf
  }

  count(question: Question, ours: Reply, bind: Reply, knot: Reply): void {
    this.questions++
    for (const part of PARTS) {
      if (bind[part] !== knot[part]) continue
      this.agreed[part]++
      if (ours[part] === bind[part]) continue
      const reason = deliberate({ type: question.typeName, originOf: this.originOf }, part, ours, bind)
      if (reason) this.deliberate.set(reason, (this.deliberate.get(reason) ?? 0) + 1)
      else this.differences.push(describe(question, part, ours, bind, knot))
    }
  }

  summary(zones: number): string {
    const parts = PARTS.map(part => `${part} ${this.agreed[part]}`).join(', ')
    const reasons = [...this.deliberate].map(([reason, times]) => `\n  deliberate: ${reason} (${times})`)
    return `${this.questions} questions about ${zones} zones; the peers agree on: ${parts}${reasons.join('')}`
  }
}

function describe(question: Question, part: Part, ours: Reply, bind: Reply, knot: Reply) {
  const { name, typeName, zone } = question
  const sentence = `${name} ${typeName}: ${part} differs`
  return { sentence, details: { at: false, stack: '', ours, bind, knot, zone: zone.text } }
}
