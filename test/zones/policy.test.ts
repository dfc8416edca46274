import t from 'tap'
import { addressBytes, parsePrefix } from '../../config/address.ts'
import { compilePattern } from '../../config/pattern.ts'
import type { UpdateRule } from '../../config/schema.ts'
import { RcodeError } from '../../dns/errors.ts'
import { parseName } from '../../dns/name.ts'
import { typeCode } from '../../dns/types.ts'
import { recordKey } from '../../zones/change.ts'
import { Holders } from '../../zones/holders.ts'
import { permitRequestor, permitTransfer, permitUpdates, type Requestor } from '../../zones/policy.ts'
import { contentsOf, NS, ORIGIN, record, records, SOA } from './lines.ts'

const rule = (
  key: string,
  names: string[],
  more: { types?: string[]; from?: string[]; own?: boolean; ttl?: [number, number]; wildcards?: boolean } = {},
): UpdateRule => ({
  key: parseName(`${key}.`),
  names: names.map(compilePattern),
  ...(more.types ? { types: more.types.map(type => typeCode(type)!) } : {}),
  ...(more.from ? { from: more.from.map(text => parsePrefix(text)!) } : {}),
  ...(more.ttl ? { ttl: more.ttl } : {}),
  own: more.own ?? false,
  wildcards: more.wildcards ?? false,
})

const ZONE = [
  SOA,
  NS,
  '@ 300 IN TXT "spf"',
  'www 300 IN A 192.0.2.1',
  'app 300 IN A 192.0.2.2',
  'app 300 IN TXT "x"',
  'sub 300 IN NS ns.sub',
  'both 300 IN A 192.0.2.3',
  'both 300 IN A 192.0.2.4',
]
/** Who added what: `app` is dns's, `both` half dns's and half other's; the rest is the file's. */
const HOLDERS = new Map(
  Object.entries({
    'app 300 IN A 192.0.2.2': 'dns.',
    'both 300 IN A 192.0.2.3': 'dns.',
    'both 300 IN A 192.0.2.4': 'other.',
  }).map(([line, key]) => {
    const { owner, type, rdata } = record(line)
    return [recordKey(owner, type, rdata), key]
  }),
)
const contents = contentsOf(records(ZONE))

/** "" where the updates are permitted, else the reason. */
function judge(
  rules: UpdateRule[],
  updates: string[],
  requestor: { key?: string; address?: string } = { key: 'dns' },
): string {
  const who: Requestor = {
    ...(requestor.key ? { key: parseName(`${requestor.key}.`) } : {}),
    address: addressBytes(requestor.address ?? '10.0.0.1')!,
  }
  try {
    permitRequestor(rules, who)
    permitUpdates({ rules, requestor: who, origin: ORIGIN, contents, holders: new Holders(HOLDERS) }, records(updates))
    return ''
  } catch (error) {
    if (!(error instanceof RcodeError)) throw error
    return error.describe()
  }
}

const ADD = 'new 60 IN A 192.0.2.9'
const ALL = ['**']

const cases: [
  name: string,
  rules: UpdateRule[],
  updates: string[],
  expected: RegExp | '',
  requestor?: { key?: string; address?: string },
][] = [
  ['nothing is allowed without a rule', [], [ADD], /^REFUSED: no update rule of the zone names the key dns\.$/],
  ['an unsigned request is refused', [rule('dns', ALL)], [ADD], /^REFUSED: it is not signed$/, {}],
  ['a rule for the key allows', [rule('dns', ALL)], [ADD], ''],
  ['key names ignore case', [rule('DNS', ALL)], [ADD], ''],
  ['a rule for another key does not', [rule('other', ALL)], [ADD], /names the key dns\./],
  [
    'a rule for another address does not',
    [rule('dns', ALL, { from: ['10.1.0.0/16'] })],
    [ADD],
    /lets the key dns\. be used from 10\.0\.0\.1$/,
  ],
  ['a rule for its address does', [rule('dns', ALL, { from: ['10.0.0.0/16'] })], [ADD], ''],
  [
    'the reason names every rule of the key',
    [rule('dns', ['mail.a.example']), rule('other', ALL), rule('dns', ALL, { types: ['TXT'] })],
    [ADD],
    /rule 1 does not cover the name; rule 3 does not cover the type A$/,
  ],
  [
    'types left out cover A, TXT, CNAME and the like',
    [rule('dns', ALL)],
    ['x 60 IN TXT "x"', 'x 60 IN TYPE65280 \\# 0'],
    '',
  ],
  [
    'types left out do not cover NS',
    [rule('dns', ALL)],
    ['sub 60 IN NS x'],
    /rule 1 covers NS only where its types list it/,
  ],
  ['types left out do not cover SOA', [rule('dns', ['a.example'])], [SOA], /covers SOA only where/],
  [
    'types left out do not cover DNSKEY',
    [rule('dns', ['a.example'])],
    ['@ 60 IN DNSKEY 257 3 13 AAAA'],
    /covers DNSKEY only where/,
  ],
  ['types that are listed are covered', [rule('dns', ALL, { types: ['NS', 'DS'] })], ['sub 60 IN NS x'], ''],
  [
    'RRSIG is not for updates, listed or not',
    [rule('dns', ALL, { types: ['NSEC'] })],
    ['www 0 ANY NSEC'],
    /made by signing/,
  ],
  [
    'the apex is covered only by a pattern that names it in full',
    [rule('dns', ['**', '**.a.example'])],
    ['@ 60 IN TXT "x"'],
    /does not cover the name/,
  ],
  ['the apex named in full is covered', [rule('dns', ['a.example'])], ['@ 60 IN TXT "x"'], ''],
  ['a wildcard owner is not covered', [rule('dns', ALL)], ['*.x 60 IN A 192.0.2.9'], /rule 1 does not cover wildcards/],
  [
    'a wildcard owner is covered with wildcards: true',
    [rule('dns', ALL, { wildcards: true })],
    ['*.x 60 IN A 192.0.2.9'],
    '',
  ],
  [
    'a TTL below the bounds is refused',
    [rule('dns', ALL, { ttl: [60, 3600] })],
    ['x 59 IN A 192.0.2.9'],
    /update rule 1 allows TTLs from 60 to 3600, not 59/,
  ],
  [
    'a TTL at the bounds is allowed',
    [rule('dns', ALL, { ttl: [60, 3600] })],
    ['x 60 IN A 192.0.2.9', 'y 3600 IN A 192.0.2.9'],
    '',
  ],
  [
    'TTL bounds are not for deletions',
    [rule('dns', ALL, { ttl: [60, 3600] })],
    ['x 0 ANY A', 'x 0 NONE A 192.0.2.9'],
    '',
  ],
  [
    'the first rule that fits decides, though a later one would allow',
    [rule('dns', ALL, { ttl: [60, 60] }), rule('dns', ALL)],
    ['x 0 IN A 192.0.2.9'],
    /update rule 1 allows TTLs/,
  ],
  [
    'a rule that does not fit does not decide',
    [rule('dns', ALL, { types: ['TXT'], ttl: [60, 60] }), rule('dns', ALL)],
    ['x 0 IN A 192.0.2.9'],
    '',
  ],
  ['one refused record refuses the message', [rule('dns', ALL)], [ADD, 'sub 60 IN NS x'], /covers NS only/],
  [
    'deleting a name needs every type that goes',
    [rule('dns', ALL, { types: ['A'] })],
    ['app 0 ANY ANY'],
    /change app\.a\.example\. TXT/,
  ],
  [
    'deleting a name with all its types covered',
    [rule('dns', ALL, { types: ['A'] }), rule('dns', ALL, { types: ['TXT'] })],
    ['app 0 ANY ANY'],
    '',
  ],
  ['deleting a delegation’s name needs NS', [rule('dns', ALL)], ['sub 0 ANY ANY'], /covers NS only/],
  [
    'deleting all of the apex needs no rule for SOA and NS, which stay',
    [rule('dns', ['a.example'])],
    ['@ 0 ANY ANY'],
    '',
  ],
  [
    'deleting a name that is not there needs a rule for the name',
    [rule('dns', ['app.a.example'], { types: ['A'] })],
    ['nobody 0 ANY ANY'],
    /change nobody\.a\.example\.: rule 1 does not cover the name/,
  ],
  ['deleting a name that is not there', [rule('dns', ALL, { types: ['A'] })], ['nobody 0 ANY ANY'], ''],
]

const own = [rule('dns', ALL, { own: true }), rule('dns', ALL)]
const OWN: typeof cases = [
  ['adds to a new name', own, [ADD], ''],
  ['adds another type beside others’', own, ['www 60 IN TXT "x"'], ''],
  ['adds to an RRset of its own', own, ['app 60 IN A 192.0.2.9'], ''],
  [
    'does not add to the file’s RRset',
    own,
    ['www 60 IN A 192.0.2.9'],
    /^REFUSED: update rule 1 has own: true, and the zone's file holds www\.a\.example\. A$/,
  ],
  ['does not add to an RRset that another key shares', own, ['both 60 IN A 192.0.2.9'], /another key holds both/],
  ['deletes its own record', own, ['app 0 NONE A 192.0.2.2'], ''],
  ['deletes its own record out of a shared RRset', own, ['both 0 NONE A 192.0.2.3'], ''],
  ['does not delete another’s record', own, ['both 0 NONE A 192.0.2.4'], /another key holds both/],
  ['deletes its own RRset', own, ['app 0 ANY A'], ''],
  ['does not delete a shared RRset', own, ['both 0 ANY A'], /another key holds both/],
  ['deletes a record that is not there', own, ['www 0 NONE A 192.0.2.9', 'nobody 0 ANY A'], ''],
  ['deletes a name only where all is its own', own, ['app 0 ANY ANY'], /the zone's file holds app\.a\.example\. TXT/],
]

t.test('update policy', async t => {
  for (const [name, rules, updates, expected, requestor] of cases)
    t.match(judge(rules, updates, requestor), expected || /^$/, name)
})

t.test('own: true', async t => {
  for (const [name, rules, updates, expected] of OWN) t.match(judge(rules, updates), expected || /^$/, name)
})

t.test('transfer policy: all that a rule names must hold', async t => {
  const xfr = { key: parseName('xfr.'), from: [parsePrefix('10.0.10.0/24')!] }
  const at = (address: string, key?: string): Requestor => ({
    address: addressBytes(address)!,
    ...(key ? { key: parseName(key) } : {}),
  })
  t.doesNotThrow(() => permitTransfer([xfr], at('10.0.10.12', 'XFR.')), 'key and address')
  t.throws(
    () => permitTransfer([], at('10.0.10.12', 'xfr.')),
    { message: /no transfer rule .* the key xfr\. from 10\.0\.10\.12/ },
    'nobody by default',
  )
  t.throws(() => permitTransfer([xfr], at('10.0.10.12')), { message: /an unsigned request/ }, 'address without key')
  t.throws(() => permitTransfer([xfr], at('10.0.11.12', 'xfr.')), { name: 'RcodeError' }, 'key from elsewhere')
  t.doesNotThrow(() => permitTransfer([xfr, { from: [parsePrefix('::1')!] }], at('::1')), 'the second rule')
})

t.test('a message of thousands of updates of one RRset is judged in one look at it', t => {
  const many = Array.from({ length: 3000 }, (_, i) => `list 60 IN MX ${i} host`)
  let looked = 0
  const big = contentsOf(records([SOA, NS, ...many]))
  const rrset: typeof big.rrset = (owner, type) => {
    looked++
    return big.rrset(owner, type)
  }
  const counted = { ...big, rrset }
  const requestor = { key: parseName('dns.') }
  const rules = [rule('dns', ALL, { own: true })]
  const mine = { of: () => 'dns.' }
  permitUpdates({ rules, requestor, origin: ORIGIN, contents: counted, holders: mine }, records(many))
  t.equal(looked, 1)
  t.end()
})
