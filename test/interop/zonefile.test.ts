import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { nameKey, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { makeRdata, printGeneric, TYPES, type TypeName, typeName } from '../../dns/types.ts'
import { parseZonefile, printZonefile } from '../../dns/zonefile.ts'
import { arbitraryFields, typeNames } from '../dns/arbitraries.ts'
import { run, scratch, without } from './tools.ts'

const ORIGIN = parseName('example.')
const APEX = '$TTL 3600\n@ SOA ns host 1 7200 600 3600000 60\n  NS ns\nns A 192.0.2.53\n'
/** Only syntax is compared: no look at addresses, host names or sibling records. */
const SYNTAX_ONLY = [
  '-i',
  'none',
  '-k',
  'ignore',
  '-n',
  'ignore',
  '-m',
  'ignore',
  '-M',
  'ignore',
  '-S',
  'ignore',
  '-r',
  'ignore',
]

const parse = (text: string): ResourceRecord[] => {
  const { records, errors } = parseZonefile(text, { origin: ORIGIN, file: 'zone' })
  if (errors[0]) throw errors[0]
  return records
}
const keys = (records: ResourceRecord[]) =>
  records
    .map(({ owner, type, ttl, rdata }) => `${nameKey(owner)} ${ttl} ${typeName(type)} ${printGeneric(rdata)}`)
    .sort()
const vectors: { type: TypeName; text: string }[] = JSON.parse(
  readFileSync(new URL('../vectors/rdata.json', import.meta.url), 'utf8'),
)

/** Types for private use that BIND and Knot have no name for. */
const OURS = ['ALIAS']

/** The RFCs' examples, each under an owner of its own, where they may stand below the apex. */
const examples = (without: string[]) =>
  vectors
    .map(({ type, text }, i) => (type === 'SOA' || without.includes(type) ? '' : `x${i} ${type} ${text}\n`))
    .join('')

/** Records with any octets in their strings and names; types whose data BIND judges by more than its format are left out. */
function anything(): string {
  const judged = [
    ...OURS,
    'SOA',
    'MD',
    'MF',
    'NAPTR',
    'IPSECKEY',
    'NSEC3',
    'DNSKEY',
    'CDNSKEY',
    'DS',
    'CDS',
    'SSHFP',
    'CERT',
    'RRSIG',
    'ZONEMD',
    'TLSA',
    'SMIMEA',
    'NSEC',
    'KX',
    'OPENPGPKEY',
  ]
  const records = typeNames
    .filter(type => !judged.includes(type))
    .flatMap((type, n) =>
      fc.sample(arbitraryFields(type), { numRuns: 12, seed: 20260101 }).map((value, i) => ({
        owner: parseName(`r${n}-${i}`, ORIGIN),
        type: TYPES[type].code,
        class: 1,
        ttl: 300,
        rdata: makeRdata(type, value),
      })),
    )
  return printZonefile(records, ORIGIN)
}

/** What is only in one zone or the other. */
function difference(ours: string[], theirs: string[]): string[] {
  const [a, b] = [new Set(ours), new Set(theirs)]
  return [
    ...ours.filter(key => !b.has(key)).map(key => `ours: ${key}`),
    ...theirs.filter(key => !a.has(key)).map(key => `theirs: ${key}`),
  ]
}

async function compilezone(folder: string, text: string, ...style: string[]) {
  const file = join(folder, 'zone')
  writeFileSync(file, text)
  return run('named-compilezone', [...SYNTAX_ONLY, ...style, '-o', '-', 'example', file], { cwd: folder })
}

t.test('named-compilezone reads what we read', { skip: without('named-compilezone') }, async t => {
  const folder = scratch(t)
  const rows: [what: string, zone: string][] = [
    // MD and MF are refused as obsolete.
    ['the examples of the RFCs', APEX + examples(['MD', 'MF', ...OURS])],
    ['records of any octets, as we print them', APEX + anything()],
    ['owners, TTLs and classes left out', `${APEX}a 1h A 192.0.2.1\n 2d30m IN AAAA ::1\n IN 5 TXT x\nb A 192.0.2.3\n`],
    [
      'parentheses, comments, quotes and escapes',
      `${APEX}a TXT ( "a;b" ; c ( \n  d\\;e "\\"" \\100\\ \\  ) \nw\\.x\\032y A 192.0.2.1\n`,
    ],
    [
      '$ORIGIN',
      `${APEX}$ORIGIN sub\na A 192.0.2.1\n$ORIGIN deeper\n@ NS a.sub.example.\n$ORIGIN example.\nb A 192.0.2.2\n`,
    ],
    ['$GENERATE of addresses', `${APEX}$GENERATE 1-9/3 h\${10,4,d} 60 IN A 192.0.2.$\n`],
    ['$GENERATE in every base', `${APEX}$GENERATE 250-260 a\${0,4,x}b\${0,5,X}c\${-3,0,o}d A 192.0.2.1\n`],
    ['$GENERATE of nibbles', `${APEX}$GENERATE 10-30/5 a\${0,7,n}b\${0,4,N}c.example. A 192.0.2.1\n`],
    ['$GENERATE of quoted RDATA', `${APEX}$GENERATE 1-2 m$ MX "10 mail$"\n$GENERATE 1-2 t$ TXT "foo $"\n`],
    ['$GENERATE with dollar signs', `${APEX}$GENERATE 1-2 d$$x\\$y A 192.0.2.1\n`],
  ]
  for (const [what, zone] of rows)
    for (const style of [
      ['-s', 'full'],
      ['-s', 'relative'],
    ]) {
      const { status, stdout, stderr } = await compilezone(folder, zone, ...style)
      t.equal(status, 0, `${what}: accepted`, { stderr: stderr.slice(0, 2000) })
      t.strictSame(difference(keys(parse(zone)), keys(parse(stdout))), [], `${what}, ${style[1]}`)
    }
})

t.test('named-checkzone refuses what we refuse', { skip: without('named-checkzone') }, async t => {
  const folder = scratch(t)
  const lines = [
    'a A 192.0.2.256',
    'a A 192.0.2',
    'a AAAA 1::2::3',
    'a MX mail',
    'a MX 65536 mail',
    'a FOO bar',
    'a TXT "open',
    `a TXT ${'a'.repeat(256)}`,
    `${'a'.repeat(64)} A 192.0.2.1`,
    'a..b A 192.0.2.1',
    'a A 192.0.2.1 extra',
    'a A ( 192.0.2.1',
    'a A 192.0.2.1 )',
    'a DNSKEY 256 3 8 A',
    'a DS 1 8 2 0G',
    'a NSEC b FOO',
    'a SVCB 1 . mandatory=alpn',
    'a CAA 0 is-sue "x"',
    'a TYPE65280 data',
    'a \\# 4 00000000',
    'a A \\# 3 000000',
    'a 4294967296 A 192.0.2.1',
    '$TTL x',
    '$ORIGIN',
    '$INCLUDE missing',
    '$GENERATE 2-1 a$ A 192.0.2.1',
    '$UNKNOWN x',
    'a CH A 192.0.2.1',
    'a LOC 91 N 0 E 0m',
    'a APL 3:1.2.3.4/5',
  ]
  for (const line of lines) {
    const zone = `${APEX}${line}\n`
    writeFileSync(join(folder, 'bad'), zone)
    const { status } = await run('named-checkzone', [...SYNTAX_ONLY, 'example', join(folder, 'bad')], { cwd: folder })
    t.not(status, 0, `${line.slice(0, 40)}: BIND`)
    t.throws(() => parse(zone), { code: 'zonefile' }, `${line.slice(0, 40)}: we`)
  }
})

t.test('kzonecheck accepts what we print', { skip: without('kzonecheck') }, async t => {
  const folder = scratch(t)
  const file = join(folder, 'example.zone')
  // Knot has no text for the types that nobody uses any more, and 3.2 none for dohpath.
  const known = examples(['MB', 'MG', 'MR', 'MD', 'MF', 'MINFO', 'PX', ...OURS]).replace(/^.*dohpath.*\n/gm, '')
  writeFileSync(file, printZonefile(parse(APEX + known), ORIGIN))
  const { status, stderr, stdout } = await run('kzonecheck', ['-o', 'example', '-d', 'off', file])
  t.equal(status, 0, 'the examples of the RFCs', { stderr: stderr + stdout })
})
