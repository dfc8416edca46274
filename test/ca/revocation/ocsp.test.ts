import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issuerKeys, OcspError, ocspFailure, ocspRequestOfPath, readOcspRequest } from '../../../ca/revocation/ocsp.ts'
import { tlv } from '../../../ca/x509/der.ts'
import { dns, judge, leafKey, leafOf, openFixture, profile } from '../fixture.ts'

const { hierarchy, issuance } = await openFixture()
const { record, chain } = await issuance.issue({
  publicKey: leafKey.publicKey,
  identifiers: dns('www.example.com'),
  profile,
})
const files = { int: hierarchy.current().pem, leaf: leafOf(chain) }

/** A request as openssl makes it. */
async function request(...args: string[]): Promise<Uint8Array> {
  const command = `openssl ocsp -issuer int ${args.join(' ')} -cert leaf -reqout q 2>&1 && base64 -w0 q`
  return Buffer.from((await judge(files, 'sh', '-c', command)).output, 'base64')
}

t.test('the issuer and the serial are found by each hash (RFC 6960 §4.1.1)', async t => {
  for (const hash of ['-sha1', '-sha256', '-sha384', '-sha512']) {
    const { questions } = readOcspRequest(await request(hash))
    t.ok(issuerKeys(hierarchy.current()).includes(questions[0]!.issuer), hash)
    t.equal(questions[0]!.serial, record.serial)
  }
})

t.test('the nonce (RFC 9654 §2.1)', async t => {
  t.equal(readOcspRequest(await request('-no_nonce')).nonce, undefined)
  const plain = await request('-no_nonce')
  const list = plain.subarray(plain[1]! > 0x80 ? 5 : 4)
  const withNonce = (octets: number) => {
    const id = Buffer.from('06092b0601050507300102', 'hex')
    const extension = tlv(0x30, Buffer.concat([id, tlv(0x04, tlv(0x04, new Uint8Array(octets).fill(7)))]))
    return tlv(0x30, tlv(0x30, Buffer.concat([list, tlv(0xa2, tlv(0x30, extension))])))
  }
  for (const octets of [1, 16, 32, 128])
    t.equal(readOcspRequest(withNonce(octets)).nonce?.length, octets, `${octets} octets`)
  for (const octets of [0, 129])
    t.throws(() => readOcspRequest(withNonce(octets)), { message: /nonce/ }, `${octets} octets`)
})

t.test('an extension that is not known is ignored, unless it is critical (RFC 6960 §4.1.2)', async t => {
  const plain = await request('-no_nonce')
  const list = plain.subarray(plain[1]! > 0x80 ? 5 : 4)
  const withExtension = (critical: boolean) => {
    const id = Buffer.from('06032a0304', 'hex')
    const extension = tlv(0x30, id, ...(critical ? [Uint8Array.of(1, 1, 0xff)] : []), tlv(0x04, Uint8Array.of(5, 0)))
    return tlv(0x30, tlv(0x30, list, tlv(0xa2, tlv(0x30, extension))))
  }
  t.equal(readOcspRequest(withExtension(false)).questions.length, 1)
  t.throws(() => readOcspRequest(withExtension(true)), { status: 'malformedRequest', message: /1\.2\.3\.4/ })
})

t.test('what is no request is malformed', async t => {
  const good = await request('-no_nonce')
  const cases: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['text', Buffer.from('GET / HTTP/1.1')],
    ['a request cut short', good.subarray(0, -3)],
    ['one without a question', Buffer.from('30043002' + '3000', 'hex')],
    ['one that is too long', new Uint8Array(20_000)],
  ]
  for (const [name, der] of cases)
    t.throws(() => readOcspRequest(der), { code: 'ocsp', status: 'malformedRequest' }, name)
  const many = await request('-no_nonce', ...Array.from({ length: 16 }, (_, i) => `-serial ${i + 1}`))
  t.throws(() => readOcspRequest(many), { message: 'it asks about 17 certificates' })
})

t.test('error responses are those of RFC 6960 §2.3', async t => {
  const names = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const
  for (const [status, code] of Object.entries(names))
    t.same([...ocspFailure(status as keyof typeof names)], [0x30, 3, 0x0a, 1, code], status)
})

t.test('a GET has the request in its path (RFC 6960 appendix A.1)', async t => {
  const der = await request('-no_nonce')
  const base64 = Buffer.from(der).toString('base64')
  for (const path of [encodeURIComponent(base64), base64, `/${encodeURIComponent(base64)}`])
    t.same(ocspRequestOfPath(path), der, path)
  for (const path of ['', '%', '%zz', '..', 'a b']) t.equal(ocspRequestOfPath(path), undefined, `"${path}"`)
})

t.test('whatever was found by mutation is answered or malformed', async t => {
  const corpus = join(import.meta.dirname, '../../corpus/ocsp')
  for (const file of readdirSync(corpus))
    t.doesNotThrow(() => {
      try {
        readOcspRequest(readFileSync(join(corpus, file)))
      } catch (error) {
        if (!(error instanceof OcspError)) throw error
      }
    }, file)
})
