import t from 'tap'
import { parseName, printName } from '../../dns/name.ts'
import { nsec3Hash, nsec3Owner } from '../../dns/nsec3.ts'
import { parseHex } from '../../dns/text.ts'

/** RFC 5155 appendix A: salt AABBCCDD, 12 iterations. */
const HASHES: Record<string, string> = {
  example: '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom',
  'a.example': '35mthgpgcu1qg68fab165klnsnk3dpvl',
  'ai.example': 'gjeqe526plbf1g8mklp59enfd789njgi',
  'ns1.example': '2t7b4g4vsa5smi47k61mv5bv1a22bojr',
  'ns2.example': 'q04jkcevqvmu85r014c7dkba38o0ji5r',
  'w.example': 'k8udemvp1j2f7eg6jebps17vp3n8i58h',
  '*.w.example': 'r53bq7cc2uvmubfu5ocmm6pers9tk9en',
  'x.w.example': 'b4um86eghhds6nea196smvmlo4ors995',
  'y.w.example': 'ji6neoaepv8b5o6k4ev33abha8ht9fgc',
  'x.y.w.example': '2vptu5timamqttgl4luu9kg21e0aor3s',
  'xx.example': 't644ebqk9bibcna874givr6joj62mlhv',
}

t.test('the hashes of RFC 5155 appendix A', async t => {
  const parameters = { iterations: 12, salt: parseHex('AABBCCDD') }
  const apex = parseName('example.')
  for (const [name, expected] of Object.entries(HASHES)) {
    const owner = nsec3Owner(nsec3Hash(parseName(`${name}.`), parameters), apex)!
    t.equal(printName(owner), `${expected}.example.`, name)
    t.same(nsec3Hash(parseName(`${name.toUpperCase()}.`), parameters), nsec3Hash(parseName(`${name}.`), parameters))
  }
})

t.test('an apex that leaves no room for a hash has no NSEC3', async t => {
  const long = parseName([60, 60, 60, 45].map(length => `${'a'.repeat(length)}.`).join(''))
  t.equal(nsec3Owner(new Uint8Array(20), long), undefined)
})
