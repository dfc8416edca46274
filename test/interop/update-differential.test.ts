import t, { type Test } from 'tap'
import { Class, Opcode, Rcode, rcodeName } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { type Name, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { canonicalRdata, parseRdataText, printRecord, Type, typeName } from '../../dns/types.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { applyUpdate } from '../../zones/update/update.ts'
import { ZoneImage } from '../../zones/zone.ts'
import { Random } from './differential/generator.ts'
import { Pipeline } from './differential/peers.ts'
import { BIND_CHECKS_NOTHING, startBind } from './peers/bind.ts'
import { eventually, freePorts, without } from './tools.ts'

t.setTimeout(300_000)

const MESSAGES = Number(process.env['UPDATE_DIFFERENTIAL'] ?? 1500)
const SEED = Number(process.env['UPDATE_DIFFERENTIAL_SEED'] ?? 1)
const ORIGIN = parseName('u.test.')
const ZONE = `u.test. 300 IN SOA ns.other. hostmaster.u.test. 10 3600 600 86400 60
u.test. 300 IN NS ns.other.
www.u.test. 300 IN A 192.0.2.1
alias.u.test. 300 IN CNAME www.u.test.
deep.empty.u.test. 300 IN TXT "x"
`

t.test('the same updates make the same zone of BIND and of us', { skip: without('named') }, async t => {
  const bind = await serveByBind(t)
  let version = ZoneImage.create(ORIGIN, await transfer(bind)).latest()
  const random = new Random(SEED)
  const seen = new Map<string, number>()
  for (let i = 0; i < MESSAGES; i++) {
    const message = randomUpdate(random)
    const ours = outcome(version, message)
    if (ours.deliberate) continue
    const theirs = parseMessage(await bind.ask(writeMessage(message))).rcode
    const wanted = lines(await transfer(bind))
    const got = ours.version ? lines(recordsOfVersion(ours.version)) : lines(recordsOfVersion(version))
    seen.set(rcodeName(theirs), (seen.get(rcodeName(theirs)) ?? 0) + 1)
    const equal = ours.rcode === theirs || isOrderOnly(ours.rcode, theirs)
    if (!equal || got.join('\n') !== wanted.join('\n')) {
      t.equal(rcodeName(ours.rcode), rcodeName(theirs), `message ${i}`, { update: describe(message), why: ours.why })
      t.same(got, wanted, `the zone after message ${i}`, {
        update: describe(message),
        before: lines(recordsOfVersion(version)),
      })
      return
    }
    if (!ours.version) continue
    version = ours.version
    version.image.publish(version)
  }
  t.comment([...seen].map(([rcode, count]) => `${rcode}: ${count}`).join(', '))
  t.ok((seen.get('NOERROR') ?? 0) > MESSAGES / 10 && seen.size >= 6, 'most RCODEs of RFC 2136 were met')
})

async function serveByBind(t: Test): Promise<Pipeline> {
  const [port] = await freePorts(1)
  startBind(t, {
    port: port!,
    options: `notify no; tcp-clients 10; allow-transfer { any; }; ${BIND_CHECKS_NOTHING}`,
    statements: 'zone "u.test" { type primary; file "zone"; allow-update { any; }; };',
    files: { zone: ZONE },
  })
  let pipeline: Pipeline | undefined
  await eventually(async () => {
    pipeline = await Pipeline.open(port!).catch(() => undefined)
    return pipeline !== undefined && (await transfer(pipeline)).length > 0
  })
  t.teardown(() => pipeline?.close())
  return pipeline!
}

/** The whole zone of a server, which fits into one message. */
async function transfer(server: Pipeline): Promise<ResourceRecord[]> {
  const { answer } = parseMessage(await server.ask(writeMessage(messageOf(Opcode.QUERY, Type.AXFR))))
  return answer.slice(0, -1)
}

function messageOf(opcode: number, type: number): Message {
  const empty = { answer: [], authority: [], additional: [] }
  return { id: 1, flags: 0, opcode, rcode: 0, question: [{ name: ORIGIN, type, class: Class.IN }], ...empty }
}

function outcome(version: ReturnType<ZoneImage['latest']>, message: Message) {
  try {
    const { change } = applyUpdate(version, ORIGIN, message)
    return {
      rcode: 0,
      version: version.image.apply(version, change) ?? grown(version, change),
      why: '',
      deliberate: false,
    }
  } catch (error) {
    if (!(error instanceof RcodeError)) throw error
    // Where BIND takes what nobody could answer from, there is nothing to compare.
    return {
      rcode: error.rcode,
      version: undefined,
      why: error.message,
      deliberate: rcodeName(error.rcode) === 'REFUSED',
    }
  }
}

/**
 * Of several faults in one message, RFC 2136 names that of the first prerequisite (§3.2), and only then that of the updates' form
 * (§3.4.1); BIND looks at all forms first, and at owners before data. Either way nothing is done.
 */
function isOrderOnly(ours: number, theirs: number): boolean {
  return ours !== Rcode.NOERROR && (theirs === Rcode.FORMERR || theirs === Rcode.NOTZONE)
}

function grown(version: ReturnType<ZoneImage['latest']>, change: Parameters<ZoneImage['apply']>[1]) {
  const image = version.image.rebuild(version)
  return image.apply(image.latest(), change)!
}

const OWNERS = ['www', 'alias', 'old', 'a.old', 'sub', 'ns.sub', 'empty', '*.w', 'x'].map(text =>
  parseName(text, ORIGIN),
)
const OUTSIDE = parseName('www.v.test.')
const DATA: [type: number, texts: string[]][] = [
  [Type.A, ['192.0.2.1', '192.0.2.2', '192.0.2.3']],
  [Type.TXT, ['"x"', '"y" "z"', '""']],
  [Type.MX, ['10 host', '10 HOST', '20 mail.other.']],
  [Type.CNAME, ['www', 'host', 'Host']],
  [Type.DNAME, ['new.other.', 'newer.other.']],
  [Type.NS, ['ns.sub', 'ns.other.', 'ns2.other.']],
  [Type.SRV, ['0 0 80 host', '0 0 80 Host']],
]

/** A message of a few prerequisites and updates; one in some is malformed. */
function randomUpdate(random: Random): Message {
  const message = messageOf(Opcode.UPDATE, Type.SOA)
  for (let i = random.below(6) - 3; i > 0; i--) message.answer.push(randomPrerequisite(random))
  // BIND counts a value that is said twice, in other case, as two.
  message.answer = message.answer.filter(
    (one, i, all) => all.findIndex(other => lines([other])[0] === lines([one])[0]) === i,
  )
  // One SOA a message: BIND fails where the last of several is not greater than what it published.
  if (random.chance(0.1)) message.authority.push(randomSoa(random, random.pick([60, 300]), Class.IN))
  for (let i = 1 + random.below(4); i > 0; i--) message.authority.push(randomChange(random))
  return message
}

function randomOwner(random: Random): Name {
  if (random.chance(0.01)) return OUTSIDE
  return random.chance(0.12) ? ORIGIN : random.pick(OWNERS)
}

function randomRecord(random: Random, rrclass: number, ttl: number): ResourceRecord {
  const owner = randomOwner(random)
  const [type, texts] = random.pick(DATA)
  const text = random.pick(texts)
  // BIND refuses a server of the zone that is in the zone and has no address; RFC 2136 does not ask for that.
  const data = type === Type.NS && owner === ORIGIN && text === 'ns.sub' ? 'ns3.other.' : text
  return { owner, type, class: rrclass, ttl, rdata: parseRdataText(type, data, ORIGIN) }
}

function randomSoa(random: Random, ttl: number, rrclass: number): ResourceRecord {
  const serial = random.pick([1, 10, 20, 500, 4_000_000_000, 3_000_000_000, 2_000_000_000, 1_000_000_000])
  const rdata = parseRdataText(Type.SOA, `ns.other. hostmaster ${serial} 3600 600 86400 ${random.below(3)}`, ORIGIN)
  return { owner: random.chance(0.8) ? ORIGIN : random.pick(OWNERS), type: Type.SOA, class: rrclass, ttl, rdata }
}

function randomPrerequisite(random: Random): ResourceRecord {
  const ttl = random.chance(0.02) ? 1 : 0
  if (random.chance(0.4)) return randomRecord(random, Class.IN, ttl)
  const rrclass = random.chance(0.02) ? Class.CH : random.pick([Class.ANY, Class.NONE])
  const empty = random.chance(0.98) ? { rdata: new Uint8Array() } : {}
  const type = random.chance(0.3) ? { type: Type.ANY, rdata: new Uint8Array() } : {}
  return { ...randomRecord(random, rrclass, ttl), ...empty, ...type }
}

function randomChange(random: Random): ResourceRecord {
  const ttl = random.pick([0, 60, 300])
  const wrong = random.chance(0.01) ? 1 : 0
  if (random.chance(0.02)) return randomSoa(random, wrong, Class.NONE)
  // What is added is in lower case: deleting a record and adding it spelled otherwise is a change here, and none for BIND.
  const added = randomRecord(random, Class.IN, ttl)
  if (random.chance(0.55)) return { ...added, rdata: canonicalRdata(added.type, added.rdata) }
  if (random.chance(0.5)) return randomRecord(random, Class.NONE, wrong)
  const type = random.chance(0.4)
    ? { type: random.chance(0.05) ? Type.AXFR : Type.ANY }
    : random.chance(0.1)
      ? { type: Type.SOA }
      : {}
  return { ...randomRecord(random, Class.ANY, wrong), rdata: new Uint8Array(), ...type }
}

/** BIND spells names anew where it pleases: case is not compared (RFC 4343). */
const lines = (records: readonly ResourceRecord[]) => records.map(record => printRecord(record).toLowerCase()).sort()

function describe(message: Message): string[] {
  const line = (what: string) => (record: ResourceRecord) => {
    const shown = record.rdata.length > 0 ? printRecord({ ...record, class: Class.IN }) : typeName(record.type)
    return `${what} class ${record.class} ttl ${record.ttl} ${printRecord({ ...record, rdata: new Uint8Array() }).split(' ')[0]} ${shown}`
  }
  return [...message.answer.map(line('prerequisite')), ...message.authority.map(line('update'))]
}
