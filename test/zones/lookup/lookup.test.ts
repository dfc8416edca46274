import fc from 'fast-check'
import t from 'tap'
import { concatNames, equalNames, type Name, parseName, printName } from '../../../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../../../dns/record.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'
import { lookup, Outcome } from '../../../zones/lookup/lookup.ts'
import { ZoneImage, type ZoneVersion } from '../../../zones/zone.ts'
import { plainLookup } from '../plain-lookup.ts'
import { PlainZone } from '../plain-zone.ts'

const ORIGIN = parseName('Zone.test.')
const TYPES = [Type.A, Type.NS, Type.CNAME, Type.DNAME, Type.DS, Type.TXT, Type.SOA]

function soa(serial: number): ResourceRecord {
  return { owner: ORIGIN, type: Type.SOA, class: 1, ttl: 60, rdata: parseRdataText(Type.SOA, `. . ${serial} 1 1 1 1`) }
}

/** Few labels, so that names meet: most are above, below or beside others, and many are wildcards. */
const name = fc
  .array(fc.constantFrom('a', 'b', '*', 'A', '\0', 'a\0'), { maxLength: 4 })
  .map(labels => Uint8Array.from([...labels.flatMap(text => [text.length, ...Buffer.from(text, 'latin1')]), 0]))
  .map(relative => concatNames(relative, ORIGIN)!)

const text: Record<number, string> = {
  [Type.A]: '192.0.2.',
  [Type.TXT]: 't',
  [Type.DS]: '1 8 2 0000000000000000000000000000000000000000000000000000000000000000',
}

const anyRecord = fc
  .tuple(name, fc.constantFrom(Type.A, Type.A, Type.TXT, Type.NS, Type.CNAME, Type.DNAME, Type.DS), fc.nat(2))
  .map(([owner, type, n]): ResourceRecord => {
    const rdata =
      type === Type.DS ? text[type]! : text[type] ? `${text[type]}${n}` : `target${type === Type.NS ? n : ''}.test.`
    return { owner, type, class: 1, ttl: 60, rdata: parseRdataText(type, rdata) }
  })

const outcome = new Outcome()

/** The image's outcome as the plain zone tells it. */
function told(version: ZoneVersion, qname: Name, qtype: number) {
  const framed = Uint8Array.from([7, 7, 7, ...qname, 7])
  lookup(version, framed, 3, qname.length, qtype, outcome)
  const { reader } = version.image
  const rdatas: string[] = []
  let at = outcome.rrset === 0 ? 0 : reader.data(outcome.rrset)
  for (let left = outcome.rrset === 0 ? 0 : reader.count(outcome.rrset); left > 0; left--) {
    const length = (reader.octets[at]! << 8) | reader.octets[at + 1]!
    rdatas.push(Buffer.from(reader.octets.slice(at + 2, at + 2 + length)).toString('hex'))
    at += 2 + length
  }
  return { kind: outcome.kind, rdatas, wildcard: outcome.wildcard }
}

function wanted(plain: PlainZone, qname: Name, qtype: number) {
  const { kind, records, wildcard } = plainLookup(plain, ORIGIN, qname, qtype)
  return { kind, rdatas: records.map(({ rdata }) => Buffer.from(rdata).toString('hex')), wildcard }
}

t.test('after any changes, what a lookup comes to is what the RFCs’ words make of a list of records', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyRecord, { maxLength: 10 }), { maxLength: 5 }),
      fc.array(name, { maxLength: 12 }),
      (steps, probes) => {
        let plain = new PlainZone([soa(1)])
        const image = ZoneImage.create(ORIGIN, plain.records)
        let version = image.latest()
        steps.forEach((step, i) => {
          const deleted = unique(
            step.filter(one => plain.rrset(one.owner, one.type).some(r => equalOctets(r.rdata, one.rdata))),
          )
          const added = step.filter(one => !deleted.some(gone => sameRecord(gone, one)))
          const change = { deleted: [soa(i + 1), ...deleted], added: [soa(i + 2), ...added] }
          plain = plain.after(change.deleted, change.added)
          version = image.apply(version, change)!
        })
        const names = [
          ...probes,
          ...plain.owners(),
          ...plain.owners().flatMap(owner => concatNames(Uint8Array.of(1, 97, 0), owner) ?? []),
        ]
        for (const [at, qname] of names.entries()) {
          const qtype = TYPES[at % TYPES.length]!
          for (const one of [qtype, Type.A, Type.DS]) {
            const [found, expected] = [
              JSON.stringify(told(version, qname, one)),
              JSON.stringify(wanted(plain, qname, one)),
            ]
            if (found !== expected) throw new Error(`${printName(qname)} ${one}: ${found} instead of ${expected}`)
          }
        }
      },
    ),
    { numRuns: 2000 },
  )
})

function unique(records: ResourceRecord[]): ResourceRecord[] {
  return records.filter((one, i) => !records.slice(0, i).some(other => sameRecord(one, other)))
}

function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  return a.type === b.type && equalNames(a.owner, b.owner) && equalOctets(a.rdata, b.rdata)
}
