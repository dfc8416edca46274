import { createPublicKey, type KeyObject } from 'node:crypto'
import t from 'tap'
import { dnssecAlgorithm } from '../../../dns/algorithms.ts'
import { keyTag } from '../../../dns/dnssec.ts'
import { parseName } from '../../../dns/name.ts'
import { makeRdata, printRdata, Type } from '../../../dns/types.ts'
import { readBindKeys } from '../../../zones/keys/bind.ts'
import { newKey } from '../../dns/new-key.ts'

const ZONE = parseName('example.')

/** A pair of files as dnssec-keygen writes them. */
function pair(algorithm: number, flags: number, key: KeyObject = newKey(algorithm), ttl = '3600 ') {
  const kind = dnssecAlgorithm(algorithm)!
  const dnskey = makeRdata('DNSKEY', { flags, protocol: 3, algorithm, publicKey: kind.publicOctets(key) })
  const stem = `Kexample.+${String(algorithm).padStart(3, '0')}+${String(keyTag(dnskey)).padStart(5, '0')}`
  const jwk = key.export({ format: 'jwk' }) as Record<string, string>
  const base64 = (name: string) => Buffer.from(jwk[name]!, 'base64url').toString('base64')
  const rsa = { Modulus: 'n', PublicExponent: 'e', PrivateExponent: 'd', Prime1: 'p', Prime2: 'q' }
  const more = { Exponent1: 'dp', Exponent2: 'dq', Coefficient: 'qi' }
  const fields = jwk['kty'] === 'RSA' ? { ...rsa, ...more } : { PrivateKey: 'd' }
  const lines = Object.entries(fields).map(([name, field]) => `${name}: ${base64(field)}`)
  const head = ['Private-key-format: v1.3', `Algorithm: ${algorithm} (${kind.mnemonic})`]
  return {
    stem,
    dnskey,
    files: [
      {
        name: `${stem}.key`,
        text: `; This is a key\n; Created: 2026\nexample. ${ttl}IN DNSKEY ${printRdata(Type.DNSKEY, dnskey)}\n`,
      },
      { name: `${stem}.private`, text: [...head, ...lines, 'Created: 20260101000000', ''].join('\n') },
    ],
  }
}

for (const algorithm of [8, 10, 13, 14, 15, 16])
  t.test(`algorithm ${algorithm}: the key in the files is the key that signs`, async t => {
    const { files, dnskey } = pair(algorithm, 257)
    const { keys, ttl } = readBindKeys(files, ZONE, 0)
    t.strictSame(
      keys.map(one => ({ role: one.role, dnskey: Buffer.from(one.dnskey) })),
      [{ role: 'csk', dnskey: Buffer.from(dnskey) }],
    )
    t.equal(ttl, 3600)
    const kind = dnssecAlgorithm(algorithm)!
    const data = Buffer.from('data')
    t.ok(kind.verify(data, createPublicKey(keys[0]!.privateKey), kind.sign(data, keys[0]!.privateKey)))
  })

t.test('with a ZSK beside it, a key with the flag SEP is a KSK', async t => {
  const { keys } = readBindKeys([...pair(13, 257).files, ...pair(13, 256).files, ...pair(15, 257).files], ZONE, 0)
  t.strictSame(keys.map(({ role, algorithm }) => `${role} ${algorithm}`).sort(), ['csk 15', 'ksk 13', 'zsk 13'])
})

t.test('what is wrong is said with the file, and without what is in it', async t => {
  const { files, stem } = pair(13, 257)
  const [pub, priv] = files as [{ name: string; text: string }, { name: string; text: string }]
  const cases: Record<string, [typeof files, string]> = {
    'a lonely .key': [[pub], `${stem}.private: is missing`],
    'a lonely .private': [[priv], `${stem}.key: is missing`],
    'another file': [[{ name: 'x.txt', text: '' }], 'x.txt: expected the name of a .key or .private file'],
    'no record': [[{ ...pub, text: '; nothing' }, priv], `${stem}.key: expected one DNSKEY record`],
    'another type': [[{ ...pub, text: 'example. IN A 192.0.2.1' }, priv], `${stem}.key: expected one DNSKEY record`],
    'another zone': [
      [{ ...pub, text: pub.text.replace('example.', 'example.net.') }, priv],
      `${stem}.key: is a key of another zone than example.`,
    ],
    'another algorithm': [
      [pub, { ...priv, text: priv.text.replace('Algorithm: 13', 'Algorithm: 14') }],
      `${stem}.private: is of another algorithm than its .key`,
    ],
    'another format': [
      [pub, { ...priv, text: priv.text.replace('v1.3', 'v2.0') }],
      `${stem}.private: expected Private-key-format: v1`,
    ],
    'no number': [
      [pub, { ...priv, text: priv.text.replace('PrivateKey', 'Secret') }],
      `${stem}.private: has no PrivateKey`,
    ],
    'another key': [
      [pub, { name: priv.name, text: pair(13, 257).files[1]!.text }],
      `${stem}.private: is not the private key of its .key file`,
    ],
    'a broken key': [
      [pub, { ...priv, text: priv.text.replace(/PrivateKey: \S+/, 'PrivateKey: AAAA') }],
      `${stem}.private: is not the private key of its .key file`,
    ],
    'a revoked key': [
      [{ ...pub, text: pub.text.replace('257', '385') }, priv],
      `${stem}.key: is no zone key that is in use`,
    ],
    'an algorithm of the past': [
      [{ ...pub, text: pub.text.replace('257 3 13', '257 3 5') }, priv],
      `${stem}.key: we do not sign with algorithm 5`,
    ],
  }
  for (const [what, [given, message]] of Object.entries(cases))
    t.throws(() => readBindKeys(given, ZONE, 0), { name: 'BindKeyError', message }, what)
})
