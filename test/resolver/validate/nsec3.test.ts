import t from 'tap'
import { parseName } from '../../../dns/name.ts'
import { nsec3Hash } from '../../../dns/nsec3.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'
import { coversHash, Nsec3Proofs, nsec3Source, nsec3sOf } from '../../../resolver/validate/nsec3.ts'
import type { VerifiedSet } from '../../../resolver/validate/signatures.ts'
import { Work } from '../../../resolver/validate/work.ts'

const ZONE = parseName('example.')

/** The NSEC3 records of the zone in RFC 5155 Appendix A: hash → next hash and types. */
const RFC5155: Record<string, string> = {
  '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom': '2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG',
  '2t7b4g4vsa5smi47k61mv5bv1a22bojr': '2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG',
  '2vptu5timamqttgl4luu9kg21e0aor3s': '35mthgpgcu1qg68fab165klnsnk3dpvl MX RRSIG',
  '35mthgpgcu1qg68fab165klnsnk3dpvl': 'b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG',
  b4um86eghhds6nea196smvmlo4ors995: 'gjeqe526plbf1g8mklp59enfd789njgi MX RRSIG',
  gjeqe526plbf1g8mklp59enfd789njgi: 'ji6neoaepv8b5o6k4ev33abha8ht9fgc A HINFO AAAA RRSIG',
  ji6neoaepv8b5o6k4ev33abha8ht9fgc: 'k8udemvp1j2f7eg6jebps17vp3n8i58h',
  k8udemvp1j2f7eg6jebps17vp3n8i58h: 'kohar7mbb8dc2ce8a9qvl8hon4k53uhi',
  kohar7mbb8dc2ce8a9qvl8hon4k53uhi: 'q04jkcevqvmu85r014c7dkba38o0ji5r A RRSIG',
  q04jkcevqvmu85r014c7dkba38o0ji5r: 'r53bq7cc2uvmubfu5ocmm6pers9tk9en A RRSIG',
  r53bq7cc2uvmubfu5ocmm6pers9tk9en: 't644ebqk9bibcna874givr6joj62mlhv MX RRSIG',
  t644ebqk9bibcna874givr6joj62mlhv: '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom A HINFO AAAA RRSIG',
}

function verified(hash: string, parameters = '1 1 12 aabbccdd'): VerifiedSet {
  const set = {
    owner: parseName(`${hash}.example.`),
    type: Type.NSEC3,
    ttl: 3600,
    rdatas: [parseRdataText(Type.NSEC3, `${parameters} ${RFC5155[hash]}`)],
    signatures: [],
  }
  return { status: 'verified', set, zone: ZONE, ttl: 3600 }
}

/** The proofs that these records, named by the beginnings of their hashes, make together. */
function proofsOf(...beginnings: string[]): Nsec3Proofs {
  const hashes = beginnings.map(beginning => Object.keys(RFC5155).find(hash => hash.startsWith(beginning))!)
  const [first, ...others] = nsec3sOf(
    hashes.map(hash => verified(hash)),
    ZONE,
  )
  return new Nsec3Proofs(nsec3Source([first!, ...others]), ZONE, new Work())
}

t.test('RFC 5155 Appendix B: the proofs of its example zone', async t => {
  const name = parseName
  t.equal(proofsOf('0p9m', 'b4um', '35mt').noName(name('a.c.x.w.example.')), 'opt-out', 'B.1: a name error')
  t.equal(proofsOf('2t7b').noData(name('ns1.example.'), Type.MX), 'proved', 'B.2: no data')
  t.equal(proofsOf('ji6n').noData(name('y.w.example.'), Type.A), 'proved', 'B.2.1: no data, an empty non-terminal')
  t.equal(
    proofsOf('35mt', '0p9m').delegation(name('c.example.')),
    'opt-out',
    'B.3: a referral to an Opt-Out unsigned zone',
  )
  t.equal(proofsOf('q04j').wildcard(name('a.z.w.example.'), name('w.example.')), 'opt-out', 'B.4: a wildcard expansion')
  t.equal(
    proofsOf('k8ud', 'q04j', 'r53b').noData(name('a.z.w.example.'), Type.AAAA),
    'opt-out',
    'B.5: no data of a wildcard',
  )
  t.equal(proofsOf('0p9m').noData(name('example.'), Type.DS), 'unproved', 'B.6: the child does not deny its DS')
})

t.test('each record of those proofs is needed', async t => {
  const name = parseName('a.c.x.w.example.')
  for (const left of [
    ['b4um', '35mt'],
    ['0p9m', '35mt'],
    ['0p9m', 'b4um'],
  ])
    t.equal(proofsOf(...left).noName(name), 'unproved', left.join())
  for (const left of [
    ['q04j', 'r53b'],
    ['k8ud', 'r53b'],
  ])
    t.equal(proofsOf(...left).noData(parseName('a.z.w.example.'), Type.AAAA), 'unproved', left.join())
  t.equal(proofsOf('r53b').wildcard(parseName('a.z.w.example.'), parseName('w.example.')), 'unproved')
})

t.test('what an NSEC3 does not deny', async t => {
  t.equal(proofsOf('2t7b').noData(parseName('ns1.example.'), Type.A), 'unproved', 'a type that is there')
  t.equal(
    proofsOf('35mt').noData(parseName('a.example.'), Type.A),
    'unproved',
    'RFC 6840 §4.1: data at a cut is the child’s',
  )
  t.equal(proofsOf('35mt').noData(parseName('a.example.'), Type.DS), 'unproved', 'a DS that is there')
  t.equal(
    proofsOf('35mt', ...Object.keys(RFC5155)).noName(parseName('x.a.example.')),
    'unproved',
    'RFC 5155 §8.3: a name below a cut',
  )
  t.equal(proofsOf('0p9m').noData(parseName('elsewhere.'), Type.A), 'unproved', 'a name of another zone')
})

t.test('RFC 5155 §8.1, §8.2: records that do not count', async t => {
  const hash = '2t7b4g4vsa5smi47k61mv5bv1a22bojr'
  const count = (parameters: string) => nsec3sOf([verified(hash, parameters)], ZONE).length
  t.equal(count('1 0 12 aabbccdd'), 1)
  t.equal(count('2 0 12 aabbccdd'), 0, 'another hash algorithm')
  t.equal(count('1 2 12 aabbccdd'), 0, 'an unknown flag')
  const deep = verified(hash)
  deep.set.owner = parseName(`${hash}.sub.example.`)
  t.equal(nsec3sOf([deep], ZONE).length, 0, 'not directly below the apex')
  t.equal(nsec3sOf([{ ...verified(hash), wildcardAt: ZONE }], ZONE).length, 0, 'made from a wildcard')
  const mixed = nsec3sOf([verified(hash), verified('35mthgpgcu1qg68fab165klnsnk3dpvl', '1 1 11 aabbccdd')], ZONE)
  t.equal(
    nsec3Source([mixed[0]!, mixed[1]!]).matching('35mthgpgcu1qg68fab165klnsnk3dpvl'),
    undefined,
    'other parameters than the first',
  )
})

t.test('RFC 5155 §3.1.7: the ranges make a circle', async t => {
  const cases: [hash: string, next: string, hashed: string, covered: boolean][] = [
    ['b', 'd', 'c', true],
    ['b', 'd', 'b', false],
    ['b', 'd', 'd', false],
    ['b', 'd', 'e', false],
    ['x', 'b', 'z', true],
    ['x', 'b', 'a', true],
    ['x', 'b', 'c', false],
    ['x', 'x', 'a', true],
    ['x', 'x', 'x', false],
  ]
  for (const [hash, next, hashed, covered] of cases)
    t.equal(coversHash({ hash, next }, hashed), covered, `${hash} ${next} ${hashed}`)
  t.equal(nsec3Hash(ZONE, { iterations: 12, salt: Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd) }).length, 20)
})
