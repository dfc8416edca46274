import t from 'tap'
import { Ede, Rcode } from '../../../dns/codes.ts'
import { keyTag, type VerifyingKey } from '../../../dns/dnssec.ts'
import { parseName } from '../../../dns/name.ts'
import type { RRset } from '../../../dns/record.ts'
import { readRdata, Type } from '../../../dns/types.ts'
import { signedSets } from '../../../resolver/validate/rrsets.ts'
import { verifySet } from '../../../resolver/validate/signatures.ts'
import { WORK_LIMITS, Work } from '../../../resolver/validate/work.ts'
import { createSignedWorld } from './world.ts'
import type { TestZone, ZoneSpec } from './zone.ts'

/** Another key with the same tag: octets of the public key that weigh the same are exchanged for it. */
function twins(dnskey: Uint8Array, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const twin = Uint8Array.from(dnskey)
    // RFC 4034 §B: octets at even places weigh 256 times those at odd ones; one more here is one less there.
    const [up, down] = [6 + 2 * (i % 14), 8 + 2 * ((i * 5) % 14)]
    twin[up] = twin[up]! ^ (i + 1)
    twin[down] = twin[down]! ^ (i + 1)
    return fixTag(twin, keyTag(dnskey))
  })
}

/** Turns the last two octets until the tag is the wanted one. */
function fixTag(dnskey: Uint8Array, tag: number): Uint8Array {
  const at = dnskey.length - 2
  for (let value = 0; value < 65536; value++) {
    dnskey[at] = value >>> 8
    dnskey[at + 1] = value
    if (keyTag(dnskey) === tag) break
  }
  return dnskey
}

t.test('CVE-2023-50387: colliding key tags and many signatures are given up early', async t => {
  const spec: ZoneSpec = { apex: 'trap.', records: ['www.trap. A 192.0.2.1'] }
  const world = createSignedWorld([{ apex: '.' }, spec], {
    tamper(said, query) {
      const { type } = query.question[0]!
      if (type === Type.DNSKEY) return said
      const spoiled = (rdata: Uint8Array, i: number) =>
        Uint8Array.from(rdata, (octet, at) => (at === rdata.length - 1 - (i % 60) ? octet ^ 1 : octet))
      const answer = said.answer.flatMap(one =>
        one.type === Type.RRSIG && type === Type.A
          ? Array.from({ length: 50 }, (_, i) => ({ ...one, rdata: spoiled(one.rdata, i) }))
          : [one],
      )
      return { ...said, answer }
    },
    prepare(tree) {
      const zone = tree.zone('trap.')
      for (const twin of twins(zone.dnskey, 40)) zone.addRdata(zone.apex, Type.DNSKEY, twin)
      t.equal(new Set(zone.find(zone.apex, Type.DNSKEY)!.rdatas.map(keyTag)).size, 1, 'all have one tag')
    },
  })
  const told = await world.ask('www.trap.')
  t.match(told, {
    rcode: Rcode.SERVFAIL,
    ede: Ede.DNSSEC_BOGUS,
    text: /given up: too many signatures that do not hold/,
  })
})

t.test('two keys with one tag are no harm', async t => {
  const world = createSignedWorld([{ apex: '.' }, { apex: 'lab.', records: ['www.lab. A 192.0.2.1'] }], {
    prepare(tree) {
      const zone = tree.zone('lab.')
      const set = zone.find(zone.apex, Type.DNSKEY)!
      set.rdatas.unshift(...twins(zone.dnskey, 2))
    },
  })
  t.match(await world.ask('www.lab.'), { rcode: Rcode.NOERROR, ad: true })
})

t.test('each kind of work has its end', async t => {
  const kinds: [keyof typeof WORK_LIMITS, (work: Work) => void][] = [
    ['verifications', work => work.verifying()],
    ['failures', work => work.failed()],
    ['hashes', work => work.hashing(1)],
    ['fetches', work => work.fetching()],
  ]
  for (const [kind, spend] of kinds) {
    const work = new Work()
    for (let i = 0; i < WORK_LIMITS[kind]; i++) spend(work)
    t.throws(() => spend(work), { message: /given up/ }, kind)
  }
})

t.test('of a signature no more than four keys of its tag are tried', async t => {
  const world = createSignedWorld([{ apex: '.' }, { apex: 'lab.', records: ['www.lab. A 192.0.2.1'] }])
  const zone = world.tree.zone('lab.')
  const set: RRset = zone.find(parseName('www.lab.'), Type.A)!
  const [signed] = signedSets(zone.signedRecords(set))
  let tried = 0
  const key = (dnskey: Uint8Array): VerifyingKey =>
    ({
      ...{ rdata: dnskey, keyTag: keyTag(dnskey), algorithm: 13, flags: 257, isZoneKey: true, isRevoked: false },
      get publicKey(): never {
        tried++
        throw new Error('no key')
      },
    }) as unknown as VerifyingKey
  const keys = twins(zone.dnskey, 20).map(key)
  const verdict = verifySet(signed!, zone.apex, keys, world.clock.now() / 1000, new Work())
  t.match(verdict, { status: 'bogus', ede: Ede.DNSSEC_BOGUS })
  t.equal(tried, 4)
})

t.test(
  'CVE-2023-50868: a name deep below nothing costs two hashes, a deep one that exists is paid for by its zone',
  async t => {
    const labels = Array.from({ length: 100 }, () => 'a').join('.')
    const nsec3 = { iterations: 50, salt: new Uint8Array() }
    const shallow = createSignedWorld([{ apex: '.' }, { apex: 'lab.', nsec3 }])
    t.match(await shallow.ask(`${labels}.lab.`), { rcode: Rcode.NXDOMAIN, ad: true })
    const deep = createSignedWorld([{ apex: '.' }, { apex: 'lab.', nsec3, records: [`x.${labels}.lab. A 192.0.2.1`] }])
    t.match(await deep.ask(`nothing.${labels}.lab.`), { rcode: Rcode.SERVFAIL, text: /too many NSEC3 hashes/ })
  },
)

t.test('the twins of the tests above are keys of their own', async t => {
  const { tree } = createSignedWorld([{ apex: '.' }, { apex: 'lab.' }])
  const { dnskey }: TestZone = tree.zone('lab.')
  const made = twins(dnskey, 5)
  t.equal(new Set(made.map(one => Buffer.from(one).toString('hex'))).size, 5)
  t.same(readRdata('DNSKEY', made[0]!).flags, 257)
})
