import t from 'tap'
import { Rrsig } from '../../../dns/dnssec.ts'
import type { Message } from '../../../dns/message.ts'
import { printName } from '../../../dns/name.ts'
import { Type, typeName } from '../../../dns/types.ts'
import { ZoneTable } from '../../../zones/lookup/table.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { ask } from '../ask.ts'
import { signedImage } from '../signed-image.ts'

const ZONE = `$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
@ DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=
ns A 192.0.2.53
www A 192.0.2.1
alias CNAME x.wild
*.wild TXT "any"
deep.ent A 192.0.2.2
sub NS ns.sub
ns.sub A 192.0.2.54
safe NS ns.sub
safe DS 1 13 2 ${'AB'.repeat(32)}
to DNAME ent
`

async function signedZone(nsec3: boolean): Promise<ZoneTable> {
  return new ZoneTable([await signedImage('a.example.', ZONE, nsec3)])
}

/** The authority section as owners (of hashed names "*") and types; a signature as what it covers in brackets. */
function authorityOf({ authority }: Message): string[] {
  return authority.map(({ owner, type, rdata }) => {
    const covered = type === Type.RRSIG ? Rrsig.typeCovered(rdata) : type
    const name = covered === Type.NSEC3 ? '#' : printName(owner).replace(/\.?a\.example\.$/, '') || '@'
    return `${name} ${type === Type.RRSIG ? `[${typeName(covered)}]` : typeName(type)}`
  })
}

const soa = ['@ SOA', '@ [SOA]']
const nsec = (...owners: string[]) => owners.flatMap(owner => [`${owner} NSEC`, `${owner} [NSEC]`])
const nsec3 = (count: number) => Array.from({ length: count }, () => ['# NSEC3', '# [NSEC3]']).flat()

/** What stands in the authority section with NSEC, and with NSEC3. */
const CASES: Record<string, { question: string; rcode?: string; nsec: string[]; nsec3: string[] }> = {
  'data needs no proof': { question: 'www A', nsec: [], nsec3: [] },
  'a type that is not there (RFC 4035 §3.1.3.1, RFC 5155 §7.2.3)': {
    question: 'www MX',
    nsec: [...soa, ...nsec('www')],
    nsec3: [...soa, ...nsec3(1)],
  },
  'a name that is not there (RFC 4035 §3.1.3.2, RFC 5155 §7.2.2)': {
    question: 'x.www A',
    rcode: 'NXDOMAIN',
    nsec: [...soa, ...nsec('www')],
    nsec3: [...soa, ...nsec3(3)],
  },
  'a name and its wildcard, not there in two places': {
    question: 'nothing A',
    rcode: 'NXDOMAIN',
    nsec: [...soa, ...nsec('deep.ent', '@')],
    nsec3: [...soa, ...nsec3(3)],
  },
  'an empty non-terminal': { question: 'ent A', nsec: [...soa, ...nsec('alias')], nsec3: [...soa, ...nsec3(1)] },
  'a wildcard’s data (RFC 4035 §3.1.3.3, RFC 5155 §7.2.6)': {
    question: 'x.wild TXT',
    nsec: nsec('*.wild'),
    nsec3: nsec3(1),
  },
  'a wildcard without that type (RFC 4035 §3.1.3.4, RFC 5155 §7.2.5)': {
    question: 'x.wild A',
    nsec: [...soa, ...nsec('*.wild')],
    nsec3: [...soa, ...nsec3(3)],
  },
  'an alias that leads to a wildcard': { question: 'alias TXT', nsec: nsec('*.wild'), nsec3: nsec3(1) },
  'a delegation without DS (RFC 4035 §3.1.4, RFC 5155 §7.2.7)': {
    question: 'x.sub A',
    nsec: ['sub NS', ...nsec('sub')],
    nsec3: ['sub NS', ...nsec3(1)],
  },
  'a delegation with DS': {
    question: 'x.safe A',
    nsec: ['safe NS', 'safe DS', 'safe [DS]'],
    nsec3: ['safe NS', 'safe DS', 'safe [DS]'],
  },
  'the DS of a delegation that has none': {
    question: 'sub DS',
    nsec: [...soa, ...nsec('sub')],
    nsec3: [...soa, ...nsec3(1)],
  },
}

for (const kind of ['nsec', 'nsec3'] as const)
  t.test(`proofs by ${kind.toUpperCase()}`, async t => {
    const zones = await signedZone(kind === 'nsec3')
    for (const [what, expected] of Object.entries(CASES)) {
      const [label, type] = expected.question.split(' ')
      const question = `${label}.a.example. ${type}`
      const { message, rcode } = ask(zones, question, { udpSize: 4096, dnssecOk: true, limit: 65_535 })
      t.equal(rcode, expected.rcode ?? 'NOERROR', what)
      t.same(authorityOf(message), expected[kind], what)
      const without = ask(zones, question)
      const made = (records: Message['answer']) =>
        records.some(one => one.type === Type.RRSIG || one.type === Type.NSEC)
      t.notOk(made([...without.message.answer, ...without.message.authority]), `${what}: not without DO`)
    }
  })

t.test('a DNAME is signed, and the CNAME made from it is not (RFC 6672 §5.3.1)', async t => {
  const { message } = ask(await signedZone(false), 'x.to.a.example. A', { udpSize: 4096, dnssecOk: true })
  t.same(
    message.answer.map(({ type, rdata }) =>
      type === Type.RRSIG ? `[${typeName(Rrsig.typeCovered(rdata))}]` : typeName(type),
    ),
    ['DNAME', '[DNAME]', 'CNAME'],
  )
})

t.test('an RRset whose signature does not fit sets TC (RFC 4035 §3.1.1)', async t => {
  const zones = await signedZone(false)
  const { flags } = ask(zones, 'www.a.example. A', { udpSize: 512, dnssecOk: true, limit: 80 })
  t.same(flags, ['AA', 'TC'])
})

t.test('the owner of an NSEC3 does not exist (RFC 5155 §7.2.8)', async t => {
  const zones = await signedZone(true)
  const told = ask(zones, 'www.a.example. MX', { udpSize: 4096, dnssecOk: true })
  const { owner } = told.message.authority.find(({ type }) => type === Type.NSEC3)!
  t.equal(ask(zones, `${printName(owner)} NSEC3`).rcode, 'NXDOMAIN')
  t.equal(ask(zones, `x.${printName(owner)} A`, { udpSize: 4096, dnssecOk: true }).rcode, 'NXDOMAIN')
})

t.test('an image attached elsewhere proves the same', async t => {
  const [image] = [...(await signedZone(true))]
  const zones = new ZoneTable([ZoneImage.attach(image!.buffer)])
  const { message } = ask(zones, 'nothing.a.example. A', { udpSize: 4096, dnssecOk: true })
  t.same(authorityOf(message), [...soa, ...nsec3(3)])
})
