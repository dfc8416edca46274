import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { BEST_PARAMETERS } from '../../../dns/nsec3.ts'
import { createSignedWorld } from './world.ts'
import type { ZoneSpec } from './zone.ts'

const { NOERROR, NXDOMAIN } = Rcode

/** A root, a zone with NSEC, one with NSEC3, one with Opt-Out, one unsigned, and an island without DS. */
const SPECS: ZoneSpec[] = [
  { apex: '.', algorithm: 8 },
  {
    apex: 'test.',
    nsec3: { ...BEST_PARAMETERS, optOut: true },
  },
  {
    apex: 'nsec.test.',
    records: [
      'www.nsec.test. A 192.0.2.80',
      'alias.nsec.test. CNAME www.nsec.test.',
      'abroad.nsec.test. CNAME www.nsec3.test.',
      'unsafe.nsec.test. CNAME www.unsigned.test.',
      'dangling.nsec.test. CNAME nothing.nsec3.test.',
      '*.wild.nsec.test. TXT "wild"',
      'x.y.ent.nsec.test. A 192.0.2.1',
      'old.nsec.test. DNAME nsec3.test.',
      '*.elsewhere.nsec.test. CNAME www.nsec3.test.',
    ],
  },
  {
    apex: 'nsec3.test.',
    algorithm: 15,
    nsec3: { iterations: 3, salt: Uint8Array.of(0xab, 0xcd) },
    records: ['www.nsec3.test. A 192.0.2.83', '*.wild.nsec3.test. TXT "wild"', 'x.y.ent.nsec3.test. A 192.0.2.1'],
  },
  { apex: 'unsigned.test.', signed: false, records: ['www.unsigned.test. A 192.0.2.99'] },
  { apex: 'below.unsigned.test.', records: ['www.below.unsigned.test. A 192.0.2.98'] },
  { apex: 'island.test.', ds: false, records: ['www.island.test. A 192.0.2.97'] },
  { apex: 'p384.test.', algorithm: 14, digestType: 4, records: ['www.p384.test. A 192.0.2.14'] },
  { apex: 'ed448.test.', algorithm: 16, records: ['www.ed448.test. A 192.0.2.16'] },
  { apex: 'rsa512.test.', algorithm: 10, digestType: 1, records: ['www.rsa512.test. A 192.0.2.10'] },
  { apex: 'rsasha1.test.', algorithm: 8, disguise: 7, records: ['www.rsasha1.test. A 192.0.2.7'] },
  { apex: 'gost.test.', disguise: 12, records: ['www.gost.test. A 192.0.2.12'] },
]

/** question → RCODE, status, records of the answer */
const CASES: [sentence: string, name: string, type: string, rcode: number, status: string, records: number][] = [
  ['an answer', 'www.nsec.test.', 'A', NOERROR, 'secure', 1],
  ['the apex of the root', '.', 'SOA', NOERROR, 'secure', 1],
  ['keys of a zone', 'nsec.test.', 'DNSKEY', NOERROR, 'secure', 1],
  ["a DS record, which is the parent's", 'nsec.test.', 'DS', NOERROR, 'secure', 1],
  ['no data by NSEC', 'www.nsec.test.', 'AAAA', NOERROR, 'secure', 0],
  ['no name by NSEC', 'nothing.nsec.test.', 'A', NXDOMAIN, 'secure', 0],
  ['a name between by NSEC', 'y.ent.nsec.test.', 'A', NOERROR, 'secure', 0],
  ['a wildcard by NSEC', 'a.b.wild.nsec.test.', 'TXT', NOERROR, 'secure', 1],
  ['a wildcard without data by NSEC', 'a.wild.nsec.test.', 'A', NOERROR, 'secure', 0],
  ['the wildcard itself', '*.wild.nsec.test.', 'TXT', NOERROR, 'secure', 1],
  ['a wildcard alias to another zone', 'q.elsewhere.nsec.test.', 'A', NOERROR, 'secure', 2],
  ['an alias', 'alias.nsec.test.', 'A', NOERROR, 'secure', 2],
  ['an alias to another zone', 'abroad.nsec.test.', 'A', NOERROR, 'secure', 2],
  ['an alias to an unsigned zone', 'unsafe.nsec.test.', 'A', NOERROR, 'insecure', 2],
  ['an alias to a name that is not there', 'dangling.nsec.test.', 'A', NXDOMAIN, 'secure', 1],
  ['a DNAME', 'www.old.nsec.test.', 'A', NOERROR, 'secure', 3],
  ['an answer with Ed25519', 'www.nsec3.test.', 'A', NOERROR, 'secure', 1],
  ['no data by NSEC3', 'www.nsec3.test.', 'AAAA', NOERROR, 'secure', 0],
  ['no name by NSEC3', 'nothing.nsec3.test.', 'A', NXDOMAIN, 'secure', 0],
  ['a name deep below nothing by NSEC3', 'a.b.c.d.nothing.nsec3.test.', 'A', NXDOMAIN, 'secure', 0],
  ['a name between by NSEC3', 'y.ent.nsec3.test.', 'A', NOERROR, 'secure', 0],
  ['a wildcard by NSEC3', 'a.b.wild.nsec3.test.', 'TXT', NOERROR, 'secure', 1],
  ['a wildcard without data by NSEC3', 'a.wild.nsec3.test.', 'A', NOERROR, 'secure', 0],
  ['an unsigned zone', 'www.unsigned.test.', 'A', NOERROR, 'insecure', 1],
  ['no name in an unsigned zone', 'nothing.unsigned.test.', 'A', NXDOMAIN, 'insecure', 0],
  ['a signed zone below an unsigned one', 'www.below.unsigned.test.', 'A', NOERROR, 'insecure', 1],
  ['an island without DS', 'www.island.test.', 'A', NOERROR, 'insecure', 1],
  ['the DS that an Opt-Out range leaves out', 'island.test.', 'DS', NOERROR, 'insecure', 0],
  ['no name in an Opt-Out range', 'nothing.test.', 'A', NXDOMAIN, 'insecure', 0],
  ['P-384 with a SHA-384 digest', 'www.p384.test.', 'A', NOERROR, 'secure', 1],
  ['Ed448', 'www.ed448.test.', 'A', NOERROR, 'secure', 1],
  ['RSA/SHA-512 with a SHA-1 digest', 'www.rsa512.test.', 'A', NOERROR, 'secure', 1],
  ['RFC 9905 §2: RSASHA1 counts as unsigned', 'www.rsasha1.test.', 'A', NOERROR, 'insecure', 1],
  ['RFC 4035 §5.2: an unknown algorithm counts as unsigned', 'www.gost.test.', 'A', NOERROR, 'insecure', 1],
]

t.test('RFC 4035 §5: an honest upstream and a signed tree', async t => {
  for (const [sentence, name, type, rcode, status, records] of CASES) {
    const world = createSignedWorld(SPECS)
    const told = await world.ask(name, type)
    const { ad, text } = told
    t.match(
      { rcode: told.rcode, status: told.security?.status, records: told.answer.length, ad, text: text ?? '' },
      { rcode, status, records, ad: status === 'secure' },
      sentence,
    )
    const again = await world.ask(name, type)
    t.match(
      [again.from, again.ad, again.answer.length],
      ['cache', status === 'secure', records],
      `${sentence}, from the cache`,
    )
  }
})
