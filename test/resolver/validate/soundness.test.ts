import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { BEST_PARAMETERS } from '../../../dns/nsec3.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { printRecord, Type, typeCode } from '../../../dns/types.ts'
import type { Said, Tree } from './tree.ts'
import { createSignedWorld } from './world.ts'
import type { ZoneSpec } from './zone.ts'

const CONTENT = (apex: string) => [
  `www.${apex} A 192.0.2.1`,
  `*.w.${apex} A 192.0.2.2`,
  `alias.${apex} CNAME www.${apex}`,
  `x.ent.${apex} A 192.0.2.3`,
]
const SPECS: ZoneSpec[] = [
  { apex: '.' },
  { apex: 'lab.', records: CONTENT('lab.') },
  { apex: 'hashed.', nsec3: BEST_PARAMETERS, records: CONTENT('hashed.') },
  { apex: 'sub.lab.', records: CONTENT('sub.lab.') },
]
const NAMES = ['lab.', 'www', 'a.w', '*.w', 'alias', 'ent', 'nothing', 'a.b.nothing', 'www.sub', 'sub'].flatMap(
  label => (label === 'lab.' ? ['lab.', 'hashed.'] : [`${label}.lab.`, `${label}.hashed.`]),
)
const TYPES = ['A', 'AAAA', 'DS', 'CNAME', 'SOA']

/** One thing that a liar does to a response. */
type Lie =
  | {
      kind: 'drop' | 'repeat' | 'flip' | 'rename' | 'retype'
      section: 'answer' | 'authority'
      at: number
      octet: number
    }
  | { kind: 'other'; name: string; type: string; sections: 'both' | 'answer' | 'authority' }
  | { kind: 'rcode'; rcode: number }

const section = fc.constantFrom('answer' as const, 'authority' as const)
const lie: fc.Arbitrary<Lie> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('drop' as const, 'repeat' as const, 'flip' as const, 'rename' as const, 'retype' as const),
    section,
    at: fc.nat(12),
    octet: fc.nat(300),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    name: fc.constantFrom(...NAMES),
    type: fc.constantFrom(...TYPES),
    sections: fc.constantFrom('both' as const, 'answer' as const, 'authority' as const),
  }),
  fc.record({ kind: fc.constant('rcode' as const), rcode: fc.constantFrom(Rcode.NOERROR, Rcode.NXDOMAIN) }),
)

function tell(told: Lie, said: Said, tree: Tree): Said {
  if (told.kind === 'rcode') return { ...said, rcode: told.rcode }
  if (told.kind === 'other') {
    const other = tree.answer(parseName(told.name), typeCode(told.type)!)
    if (told.sections === 'both') return other
    return { ...said, [told.sections]: [...said[told.sections], ...other[told.sections]] }
  }
  const records = said[told.section]
  const record = records[told.at % (records.length || 1)]
  return record
    ? { ...said, [told.section]: records.flatMap(one => (one === record ? changed(told, one) : [one])) }
    : said
}

function changed({ kind, octet }: Lie & { octet: number }, record: ResourceRecord): ResourceRecord[] {
  if (kind === 'drop') return []
  const at = octet % (record.rdata.length || 1)
  const flipped = { ...record, rdata: record.rdata.map((value, i) => (i === at ? value ^ 1 : value)) }
  if (kind === 'repeat') return record.type === Type.A ? [record, flipped] : [record, record]
  if (kind === 'flip') return record.type === Type.A || record.type === Type.RRSIG ? [flipped] : [record]
  if (kind === 'rename') return [{ ...record, owner: parseName(NAMES[octet % NAMES.length]!) }]
  return record.type === Type.A ? [{ ...record, type: Type.TXT, rdata: Uint8Array.of(1, 65) }] : [record]
}

t.test(
  'RFC 4033 §3: whatever an upstream makes of its answers, what is passed on is what the zones say, or nothing',
  async () => {
    const { tree } = createSignedWorld(SPECS)
    const lies = fc.array(fc.tuple(fc.nat(5), lie), { minLength: 1, maxLength: 3 })
    const property = fc.asyncProperty(
      fc.constantFrom(...NAMES),
      fc.constantFrom(...TYPES),
      lies,
      async (name, type, planned) => {
        let count = 0
        const world = createSignedWorld(SPECS, {
          tree,
          tamper(said) {
            const turn = count++
            return planned.filter(([when]) => when === turn).reduce((all, [, one]) => tell(one, all, tree), said)
          },
        })
        const told = await world.ask(name, type)
        if (told.rcode === Rcode.SERVFAIL) return
        const honest = tree.answer(parseName(name), typeCode(type)!)
        const shown = ({ owner, type, rdata }: ResourceRecord) =>
          `${printName(owner)} ${printRecord({ owner, type, class: 1, ttl: 0, rdata })}`
        const expected = honest.answer.filter(one => one.type !== Type.RRSIG).map(shown)
        const actual = told.answer.map(line => `${line.split(' ')[0]} ${line.replace(/^(\S+) \d+/, '$1 0')}`)
        if (told.rcode !== honest.rcode || [...actual].sort().join() !== expected.sort().join() || !told.ad)
          throw new Error(`${name} ${type}: ${JSON.stringify(told)} instead of ${honest.rcode} ${expected}`)
      },
    )
    await fc.assert(property, { numRuns: Number(process.env['SOUNDNESS_RUNS'] ?? 250), seed: 4033 })
  },
)
