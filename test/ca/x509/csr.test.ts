import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { CsrError, checkNames, MAX_CSR, readCsr, refuseAccountKey } from '../../../ca/x509/csr.ts'
import { tlv } from '../../../ca/x509/der.ts'
import { derBlocks } from '../../../ca/x509/x509.ts'
import { dns, judge } from '../fixture.ts'

/** A DER request made by openssl. */
async function request(...args: string[]): Promise<Uint8Array> {
  const { output } = await judge({}, 'openssl', 'req', '-new', '-nodes', '-keyout', 'key', '-batch', ...args)
  return derBlocks('CERTIFICATE REQUEST', output)[0]!
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const names = (list: string) => ['-subj', '/', '-addext', `subjectAltName=${list}`]
const good = await request(...P256, ...names('DNS:www.example.com'))

t.test('requests that openssl makes are read', async t => {
  const cases: [string, string[], string[]][] = [
    ['P-256', [...P256, ...names('DNS:www.example.com')], ['dns:www.example.com']],
    [
      'P-384 and SHA-384',
      ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384', ...names('DNS:a.example')],
      ['dns:a.example'],
    ],
    [
      'P-521 and SHA-512',
      ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-sha512', ...names('DNS:a.example')],
      ['dns:a.example'],
    ],
    ['Ed25519', ['-newkey', 'ed25519', ...names('DNS:a.example')], ['dns:a.example']],
    ['RSA 2048', ['-newkey', 'rsa:2048', ...names('DNS:a.example')], ['dns:a.example']],
    [
      'the common name counts, once',
      [...P256, '-subj', '/CN=B.example', '-addext', 'subjectAltName=DNS:a.example,DNS:b.EXAMPLE'],
      ['dns:a.example', 'dns:b.example'],
    ],
    ['a common name alone', [...P256, '-subj', '/CN=www.example.com'], ['dns:www.example.com']],
    ['addresses', [...P256, ...names('IP:192.0.2.1,IP:2001:db8::1')], ['ip:192.0.2.1', 'ip:2001:db8::1']],
    ['a wildcard', [...P256, ...names('DNS:*.example.com')], ['dns:*.example.com']],
    [
      'other extensions are passed over',
      [...P256, ...names('DNS:a.example'), '-addext', 'basicConstraints=critical,CA:TRUE'],
      ['dns:a.example'],
    ],
  ]
  for (const [name, args, expected] of cases) {
    const { identifiers } = readCsr(await request(...args))
    t.same(
      identifiers.map(({ type, value }) => `${type}:${value}`),
      expected,
      name,
    )
  }
})

t.test('requests that can not be signed say why', async t => {
  const cases: [string, string[], RegExp][] = [
    ['RSA 1024', ['-newkey', 'rsa:1024', ...names('DNS:a.example')], /1024 bits is too short/],
    [
      'an exponent of 3',
      ['-newkey', 'rsa:2048', '-pkeyopt', 'rsa_keygen_pubexp:3', ...names('DNS:a.example')],
      /exponent/,
    ],
    [
      'a curve that few know',
      ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1', ...names('DNS:a.example')],
      /secp256k1 is not certified/,
    ],
    [
      'RSASSA-PSS keys',
      ['-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048', ...names('DNS:a.example')],
      /"rsa-pss" are not certified/,
    ],
    ['DSA', ['-newkey', 'ed448', ...names('DNS:a.example')], /"ed448" are not certified/],
    [
      'SHA-1',
      [...P256, '-sha1', ...names('DNS:a.example')],
      /signed with 1\.2\.840\.10045\.4\.1; sign it with SHA-256/,
    ],
    ['a registered id', [...P256, ...names('DNS:a.example,RID:1.2.3.4')], /name of the kind registeredID/],
    ['no mail address', [...P256, ...names('DNS:a.example,email:a@*.example')], /is not a mail address/],
    ['no URI', [...P256, ...names('URI:relative')], /is not an absolute URI/],
    ['no SPIFFE ID', [...P256, ...names('URI:spiffe://a.example/../b')], /is not a SPIFFE ID/],
    ['no name', [...P256, '-subj', '/O=Somebody'], /asks for no name/],
    ['a name with an underscore', [...P256, ...names('DNS:a_b.example')], /label "a_b"/],
    ['a wildcard inside', [...P256, ...names('DNS:www.*.example')], /label "\*"/],
    ['a name that ends in a dot', [...P256, ...names('DNS:a.example.')], /ends in a dot/],
    ['an address as a DNS name', [...P256, ...names('DNS:192.0.2.1')], /is an address/],
    [
      'a common name that is none',
      [...P256, '-subj', '/CN=Some Body', '-addext', 'subjectAltName=DNS:a.example'],
      /label "some body"/,
    ],
  ]
  for (const [name, args, message] of cases) {
    const der = await request(...args)
    t.throws(() => readCsr(der), { code: 'csr', message }, name)
  }
})

t.test('odd encodings of an EC key are refused (RFC 5480 §2.1.1, §2.2)', async t => {
  for (const form of ['-conv_form compressed', '-param_enc explicit']) {
    const make = `openssl ecparam -genkey -name prime256v1 -noout | openssl ec ${form} -out k; openssl req -new -key k -subj /CN=a.example`
    const { output } = await judge({}, 'sh', '-c', make)
    const [der] = derBlocks('CERTIFICATE REQUEST', output)
    t.throws(() => readCsr(der!), { code: 'csr', message: /named curve, its point not compressed/ }, form)
  }
})

t.test('what is no request is refused', async t => {
  const broken = (change: (bytes: Uint8Array) => void) => {
    const bytes = Uint8Array.from(good)
    change(bytes)
    return bytes
  }
  const cases: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(), /no DER CertificationRequest/],
    ['text', Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'), /no DER/],
    ['an octet after its end', Buffer.concat([good, Uint8Array.of(0)]), /no DER/],
    ['a request cut short', good.subarray(0, -1), /no DER/],
    ['one that is too long', new Uint8Array(MAX_CSR + 1), /at most 65536/],
    ['a signature that was changed', broken(bytes => (bytes[bytes.length - 1]! ^= 1)), /signature does not fit/],
    [
      'a name that was changed',
      broken(bytes => (bytes[Buffer.from(bytes).indexOf('www.example') + 1]! ^= 1)),
      /signature does not fit/,
    ],
    [
      'a point off its curve',
      broken(bytes => (bytes[Buffer.from(bytes).indexOf(Buffer.from([0x03, 0x42, 0x00, 0x04])) + 20]! ^= 1)),
      /public key can't be read/,
    ],
    [
      'another version',
      broken(bytes => (bytes[Buffer.from(bytes).indexOf(Buffer.from([0x02, 0x01, 0x00])) + 2] = 1)),
      /no DER/,
    ],
  ]
  for (const [name, der, message] of cases) t.throws(() => readCsr(der), { code: 'csr', message }, name)
})

t.test('the names must be those of the order (RFC 8555 §7.4)', async t => {
  const csr = readCsr(await request(...P256, ...names('DNS:b.example,DNS:A.example')))
  t.doesNotThrow(() => checkNames(csr, dns('a.example', 'b.example')))
  t.doesNotThrow(() => checkNames(csr, dns('b.example', 'a.example', 'a.example')))
  t.throws(() => checkNames(csr, dns('a.example')), { message: 'it has dns:b.example, not in the order' })
  t.throws(() => checkNames(csr, dns('a.example', 'b.example', 'c.example')), {
    message: 'it lacks dns:c.example of the order',
  })
})

t.test('the account key is no key for a certificate (RFC 8555 §11.1)', async t => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = readCsr(ownRequest(privateKey, publicKey))
  t.throws(() => refuseAccountKey(csr, spki(publicKey)), {
    code: 'csr',
    message: /key of the account/,
  })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  t.doesNotThrow(() => refuseAccountKey(csr, spki(other)))
})

const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })

/** A request for a.example with a key of ours, put together by hand. */
function ownRequest(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  const commonName = Buffer.concat([tlv(0x06, Uint8Array.of(0x55, 4, 3)), tlv(0x0c, Buffer.from('a.example'))])
  const subject = tlv(0x30, tlv(0x31, tlv(0x30, commonName)))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const info = tlv(0x30, Buffer.concat([Uint8Array.of(2, 1, 0), subject, spki, tlv(0xa0, new Uint8Array())]))
  const algorithm = tlv(0x30, Buffer.from('06082a8648ce3d040302', 'hex'))
  const signature = tlv(0x03, Buffer.concat([Uint8Array.of(0), sign('sha256', info, privateKey)]))
  return tlv(0x30, Buffer.concat([info, algorithm, signature]))
}

t.test('whatever the bytes, there is a request or a CsrError', async t => {
  const mutated = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, octet, end]) => {
    const bytes = Uint8Array.from(good.subarray(0, end < 20 ? end : undefined))
    if (at < bytes.length) bytes[at] = octet
    return bytes
  })
  t.doesNotThrow(() => fc.assert(fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), survives)))
  const corpus = join(import.meta.dirname, '../../corpus/csr')
  for (const file of readdirSync(corpus)) t.ok(survives(readFileSync(join(corpus, file))), file)
})

function survives(der: Uint8Array): boolean {
  try {
    readCsr(der)
  } catch (error) {
    if (!(error instanceof CsrError)) throw error
  }
  return true
}
