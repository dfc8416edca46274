import { createPrivateKey } from 'node:crypto'
import t from 'tap'
import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { canonicalRdatas, dsRdata, keyTag, Rrsig, signRRset, verifyRRset } from '../../dns/dnssec.ts'
import { parseName } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { makeRdata, parseRdataText, printRdata, Type } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import vectors from '../vectors/dnssec.json' with { type: 'json' }

/** The RRset that lines of a master file make. */
function rrsetOf(...lines: string[]): RRset {
  const { records, errors } = parseZonefile(lines.join('\n'), { origin: parseName('.'), file: 'vector' })
  if (errors.length > 0) throw errors[0]
  const all = [...records]
  const { owner, type, ttl } = all[0]!
  return { owner, type, ttl, rdatas: all.map(({ rdata }) => rdata) }
}

for (const { source, dnskey, ds, keyTag: tag, record, rrsig, privateKey } of vectors)
  t.test(source, async t => {
    const key = rrsetOf(dnskey)
    const [rdata] = key.rdatas as [Uint8Array]
    if (tag !== undefined) t.equal(keyTag(rdata), tag, 'the key tag')
    if (ds !== undefined) {
      const [expected] = rrsetOf(ds).rdatas as [Uint8Array]
      t.equal(printRdata(Type.DS, dsRdata(key.owner, rdata, expected[3])!), printRdata(Type.DS, expected), 'the DS')
    }
    if (record === undefined || rrsig === undefined) return
    const rrset = rrsetOf(record)
    const [signature] = rrsetOf(rrsig).rdatas as [Uint8Array]
    const now = Rrsig.inception(signature)
    t.equal(verifyRRset(rrset, signature, rdata, now), undefined, 'the signature holds')
    t.equal(verifyRRset(rrset, signature, rdata, now - 1), 'not-yet-valid')
    t.equal(verifyRRset(rrset, signature, rdata, Rrsig.expiration(signature) + 1), 'expired')
    const altered = rrset.rdatas[0]!.map((octet, i) => (i === 1 ? octet ^ 1 : octet))
    t.equal(verifyRRset({ ...rrset, rdatas: [altered] }, signature, rdata, now), 'invalid')
    if (!privateKey) return
    const jwk = { ...privateKey, x: Buffer.from(rdata.subarray(4)).toString('base64url') }
    const signing = {
      signer: key.owner,
      algorithm: Rrsig.algorithm(signature),
      keyTag: keyTag(rdata),
      privateKey: createPrivateKey({ key: jwk, format: 'jwk' }),
    }
    const period = { inception: now, expiration: Rrsig.expiration(signature) }
    t.equal(
      printRdata(Type.RRSIG, signRRset(rrset, signing, period)),
      printRdata(Type.RRSIG, signature),
      'ours is the same',
    )
  })

const zone = parseName('example.')
const DAY = 86_400

for (const code of [8, 10, 13, 14, 15, 16]) {
  const algorithm = dnssecAlgorithm(code)!
  t.test(`${algorithm.mnemonic} verifies what it signed (${algorithm.rfc})`, async t => {
    const privateKey = await algorithm.generate()
    const publicKey = algorithm.publicOctets(privateKey)
    const dnskey = makeRdata('DNSKEY', { flags: 256, protocol: 3, algorithm: code, publicKey })
    const key = { signer: zone, algorithm: code, keyTag: keyTag(dnskey), privateKey }
    const rrset = rrsetOf('Www.Example. 60 IN MX 10 Mail.Example.', 'Www.Example. 60 IN MX 5 other.example.')
    const rrsig = signRRset(rrset, key, { inception: 1000, expiration: 1000 + DAY })
    t.equal(verifyRRset(rrset, rrsig, dnskey, 2000), undefined)
    const shuffled = rrsetOf('www.example. 9 IN MX 5 OTHER.example.', 'www.example. 9 IN MX 10 mail.example.')
    t.equal(verifyRRset(shuffled, rrsig, dnskey, 2000), undefined, 'order, case and TTL do not matter (RFC 4034 §6)')
    if (algorithm.signatureLength) t.equal(rrsig.length, 18 + zone.length + algorithm.signatureLength)
  })
}

t.test('a signature of a wildcard holds for what it stands for (RFC 4035 §5.3.2)', async t => {
  const algorithm = dnssecAlgorithm(15)!
  const privateKey = await algorithm.generate()
  const publicKey = algorithm.publicOctets(privateKey)
  const dnskey = makeRdata('DNSKEY', { flags: 256, protocol: 3, algorithm: 15, publicKey })
  const key = { signer: zone, algorithm: 15, keyTag: keyTag(dnskey), privateKey }
  const rrsig = signRRset(rrsetOf('*.w.example. 60 IN A 192.0.2.1'), key, { inception: 0, expiration: DAY })
  t.equal(rrsig[3], 2, 'the asterisk is not counted (RFC 4034 §3.1.3)')
  t.equal(verifyRRset(rrsetOf('a.b.w.example. 60 IN A 192.0.2.1'), rrsig, dnskey, 1), undefined)
  t.equal(verifyRRset(rrsetOf('a.v.example. 60 IN A 192.0.2.1'), rrsig, dnskey, 1), 'invalid')
  t.equal(verifyRRset(rrsetOf('example. 60 IN A 192.0.2.1'), rrsig, dnskey, 1), 'not-covering')
})

t.test('times count after RFC 1982 (RFC 4034 §3.1.5)', async t => {
  const algorithm = dnssecAlgorithm(15)!
  const privateKey = await algorithm.generate()
  const publicKey = algorithm.publicOctets(privateKey)
  const dnskey = makeRdata('DNSKEY', { flags: 256, protocol: 3, algorithm: 15, publicKey })
  const key = { signer: zone, algorithm: 15, keyTag: keyTag(dnskey), privateKey }
  const rrset = rrsetOf('example. 60 IN A 192.0.2.1')
  const rrsig = signRRset(rrset, key, { inception: 2 ** 32 - 10, expiration: 2 ** 32 + DAY })
  t.equal(verifyRRset(rrset, rrsig, dnskey, 2 ** 32 + 5), undefined)
  t.equal(verifyRRset(rrset, rrsig, dnskey, 2 ** 32 - 20), 'not-yet-valid')
})

t.test('RDATAs are in canonical order, each once (RFC 4034 §6.3)', async t => {
  const parse = (text: string) => parseRdataText(Type.MX, text)
  const sorted = canonicalRdatas(Type.MX, [parse('10 B.example.'), parse('2 z.example.'), parse('10 b.example.')])
  t.same(
    sorted.map(rdata => printRdata(Type.MX, rdata)),
    ['2 z.example.', '10 b.example.'],
  )
})
