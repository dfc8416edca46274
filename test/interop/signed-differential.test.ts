import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseName, printName } from '../../dns/name.ts'
import { typeCode } from '../../dns/types.ts'
import { readZoneFile } from '../../zones/file/file.ts'
import { ZoneTable } from '../../zones/lookup/table.ts'
import { sameByDatagram } from '../server/datagrams.ts'
import { askWire, queryWire } from '../zones/ask.ts'
import { PARTS, type Part, type Reply, replyOf, replyOfMessage } from './differential/compare.ts'
import { deliberate } from './differential/differences.ts'
import { type NastyZone, nastyZones } from './differential/generator.ts'
import { Pipeline, serveByBind, serveByKnot } from './differential/peers.ts'
import { eventually, freePorts, run, scratch, without } from './tools.ts'

t.setTimeout(300_000)

const SEEDS = Number(process.env['DIFFERENTIAL_ZONES'] ?? 60)
const FIRST = Number(process.env['DIFFERENTIAL_FIRST'] ?? 0)
const TYPES = ['A', 'AAAA', 'NS', 'CNAME', 'MX', 'DNAME', 'DS', 'SOA', 'DNSKEY', 'NSEC', 'NSEC3PARAM'].map(
  type => [type, typeCode(type)!] as const,
)
/** Sections are compared whole, less what is optional: addresses beside an answer. */
const COMPARED = PARTS.filter(part => part !== 'additional')
const MOST_SHOWN = Number(process.env['DIFFERENTIAL_SHOWN'] ?? 10)

/** How a zone may prove what is not there. */
const CHAINS: Record<string, string[]> = {
  nsec: [],
  nsec3: ['-3', '-', '-H', '0'],
  'nsec3-opt-out': ['-3', 'AABB', '-H', '2', '-A'],
}

t.test(
  'signed zones are answered from as BIND and Knot agree to',
  {
    skip: without('named', 'knotd', 'dnssec-signzone', 'dnssec-keygen'),
  },
  async t => {
    const folder = scratch(t)
    const zones = Array.from({ length: SEEDS }, (_, i) => nastyZones(FIRST + i)[0]!)
    const kinds = Object.keys(CHAINS)
    const files = new Map<string, string>()
    mkdirSync(join(folder, 'zones'))
    for (const [i, zone] of zones.entries())
      files.set(zone.origin, await signedFile(folder, zone, CHAINS[kinds[i % kinds.length]!]!))
    const [bindPort, knotPort] = await freePorts(2)
    serveByBind(t, bindPort!, files)
    serveByKnot(t, knotPort!, files)
    const bind = await peer(bindPort!, zones)
    const knot = await peer(knotPort!, zones)
    t.teardown(() => {
      bind.close()
      knot.close()
    })
    const ours = new ZoneTable(zones.map(({ origin }) => signedImage(files.get(origin)!, origin)))
    const originOf = (name: string) => {
      const origin = ours.find(parseName(name), 0)?.origin
      return origin && printName(origin)
    }
    const differences: { sentence: string; details: object }[] = []
    const agreed: Partial<Record<Part, number>> = {}
    for (const zone of zones)
      for (const name of zone.names)
        for (const [type, code] of TYPES) {
          const wire = queryWire(parseName(name), code, { udpSize: 4096, dnssecOk: true })
          const [theirs, others] = (await Promise.all([bind.ask(wire), knot.ask(wire)])).map(replyOf)
          const we = answerOf(ours, wire)
          for (const part of COMPARED) {
            if (theirs![part] !== others![part]) continue
            agreed[part] = (agreed[part] ?? 0) + 1
            if (part === 'authority' && provesMore(we, theirs!)) continue
            if (we[part] === theirs![part] || deliberate({ type, originOf }, part, we, theirs!)) continue
            differences.push({
              sentence: `${name} ${type}: ${part} differs`,
              details: { at: false, stack: '', ours: we, bind: theirs, knot: others, zone: zone.text },
            })
          }
        }
    t.comment(JSON.stringify(agreed))
    for (const shown of differences.slice(0, MOST_SHOWN)) t.fail(shown.sentence, shown.details)
    t.equal(differences.length, 0, 'no difference')
    t.ok((agreed.authority ?? 0) > 0.5 * (agreed.rcode ?? 0), 'the peers agree on most proofs')
    const wires = zones.flatMap(({ names }) =>
      names.flatMap(name =>
        TYPES.map(([, code]) => queryWire(parseName(name), code, { udpSize: 1232, dnssecOk: true })),
      ),
    )
    sameByDatagram(t, [{ zones: ours, wires }], 1)
  },
)

/**
 * Where "*" exists only because of what is below it, neither peer proves by NSEC that it has no data. RFC 4035 §3.1.3.4 wants that
 * proof, and we give it.
 */
function provesMore(ours: Reply, theirs: Reply): boolean {
  const known = new Set(theirs.authority.split('\n'))
  const more = ours.authority.split('\n').filter(line => !known.delete(line))
  return known.size === 0 && ours.rcode === 'NOERROR' && more.length === 2 && more.some(isAboveWildcard)
}

/** An NSEC whose next name is below a "*". */
function isAboveWildcard(line: string): boolean {
  return /^\S+ \d+ NSEC \S+\.\*\./.test(line)
}

function answerOf(zones: ZoneTable, wire: Uint8Array): Reply {
  const { result, message } = askWire(zones, wire, { limit: 65535 })
  const reply = replyOfMessage(message)
  return result === 'notOurs' ? { ...reply, rcode: 'REFUSED' } : reply
}

/** The zone signed by BIND's tool; its path. */
async function signedFile(folder: string, { origin, text }: NastyZone, chain: readonly string[]): Promise<string> {
  const keys = join(folder, 'keys')
  mkdirSync(keys, { recursive: true })
  const path = join(folder, 'zones', `${origin}zone`)
  writeFileSync(path, text)
  const made = await run('dnssec-keygen', ['-q', '-a', 'ECDSAP256SHA256', '-f', 'KSK', '-K', keys, origin])
  if (made.status !== 0) throw new Error(made.stderr)
  const args = ['-S', '-z', '-P', '-K', keys, '-d', folder, '-o', origin, '-f', `${path}.signed`, ...chain, path]
  const signed = await run('dnssec-signzone', args)
  if (signed.status !== 0) throw new Error(`${origin}: ${signed.stderr}\n${text}`)
  return `${path}.signed`
}

function signedImage(path: string, origin: string) {
  const { image, errors } = readZoneFile(path, parseName(origin), file => readFileSync(file, 'utf8'))
  if (!image) throw errors[0]
  return image
}

async function peer(port: number, zones: readonly NastyZone[]): Promise<Pipeline> {
  let pipeline: Pipeline | undefined
  const loaded = await eventually(async () => {
    pipeline ??= await Pipeline.open(port).catch(() => undefined)
    if (!pipeline) return false
    const soa = typeCode('SOA')!
    const replies = await Promise.all(zones.map(({ origin }) => pipeline!.ask(queryWire(parseName(origin), soa))))
    return replies.every(reply => replyOf(reply).answer.includes(' SOA '))
  }, 30)
  if (!loaded) throw new Error(`the peer at port ${port} does not answer for all zones`)
  return pipeline!
}
