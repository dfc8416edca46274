import { createHmac } from 'node:crypto'
import t from 'tap'
import { BADSIG, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import {
  respondInvalid,
  signRequest,
  signResponse,
  type TsigVerdict,
  tsigOverhead,
  verifyRequest,
} from '../../dns/tsig.ts'
import { readTsig, TSIG_ALGORITHMS, type TsigAlgorithm, tsigKey } from '../../dns/tsig-record.ts'
import { createStreamSigner, createStreamVerifier, TsigError } from '../../dns/tsig-stream.ts'

const NOW = 1_700_000_000
const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')
const NAME = parseName('Key.Example.')
const key = tsigKey(NAME, 'hmac-sha256', [SECRET])
const find = () => key

const query = (id = 0x1234): Message => ({
  id,
  flags: 0,
  opcode: 0,
  rcode: 0,
  question: [{ name: parseName('www.example.'), type: 1, class: 1 }],
  answer: [],
  authority: [],
  additional: [],
})
const verify = (wire: Uint8Array, now = NOW, finder: Parameters<typeof verifyRequest>[2] = find) =>
  verifyRequest(wire, parseMessage(wire), finder, now)
const refused = (verdict: TsigVerdict) => (verdict.kind === 'invalid' ? verdict.error : 'valid')

for (const algorithm of Object.keys(TSIG_ALGORITHMS) as TsigAlgorithm[])
  t.test(`RFC 8945 §6: ${algorithm} signs and verifies`, async t => {
    const own = tsigKey(NAME, algorithm, [SECRET])
    const plain = writeMessage(query())
    const { wire, context } = signRequest(plain, own, NOW)
    t.equal(wire.length, plain.length + tsigOverhead(own), 'the overhead is as announced')
    t.equal(verify(wire, NOW, () => own).kind, 'valid')
    const answer = signResponse(plain, context, NOW)
    createStreamVerifier(context).check(answer, parseMessage(answer), NOW)
    t.equal(readTsig(parseMessage(wire).tsig!.record.rdata).mac.length, TSIG_ALGORITHMS[algorithm].length)
  })

t.test('RFC 8945 §4.3: the digest covers message, key name and variables in canonical form', async t => {
  const plain = writeMessage(query())
  const { context } = signRequest(plain, key, NOW)
  const variables = Buffer.concat([
    Buffer.from('\x03key\x07example\x00', 'latin1'),
    Buffer.from([0, 255, 0, 0, 0, 0]),
    Buffer.from('\x0bhmac-sha256\x00', 'latin1'),
    Buffer.from([0, 0, 0x65, 0x53, 0xf1, 0x00, 1, 0x2c, 0, 0, 0, 0]),
  ])
  t.strictSame(Buffer.from(context.requestMac), createHmac('sha256', SECRET).update(plain).update(variables).digest())
})

t.test('RFC 8945 §5.2.1: an unknown key is BADKEY, and the answer is not signed', async t => {
  const { wire } = signRequest(writeMessage(query()), key, NOW)
  const verdict = verify(wire, NOW, () => undefined)
  t.equal(refused(verdict), Rcode.BADKEY)
  if (verdict.kind !== 'invalid') return
  const answer = parseMessage(respondInvalid(writeMessage({ ...query(), rcode: Rcode.NOTAUTH }), verdict, NOW))
  const tsig = readTsig(answer.tsig!.record.rdata)
  t.match({ error: tsig.error, mac: tsig.mac.length }, { error: Rcode.BADKEY, mac: 0 })
})

t.test('RFC 8945 §5.2.1: a known key with another algorithm is BADKEY', async t => {
  const other = tsigKey(NAME, 'hmac-sha512', [SECRET])
  t.equal(refused(verify(signRequest(writeMessage(query()), other, NOW).wire)), Rcode.BADKEY)
})

t.test('RFC 8945 §5.2.2: any altered octet of the message is BADSIG or malformed, never valid', async t => {
  const plain = writeMessage(query())
  const { wire } = signRequest(plain, key, NOW)
  for (let at = 2; at < plain.length; at++) {
    const altered = wire.slice()
    altered[at]! ^= 1
    let verdict: TsigVerdict | undefined
    try {
      verdict = verify(altered)
    } catch {
      continue
    }
    t.equal(refused(verdict), BADSIG, `octet ${at}`)
  }
})

t.test('RFC 8945 §5.3: the ID may change on the way (forwarders), the original ID is what is signed', async t => {
  const { wire } = signRequest(writeMessage(query()), key, NOW)
  wire[0]! ^= 0xff
  t.equal(verify(wire).kind, 'valid')
})

t.test('RFC 8945 §5.2.3: outside the fudge it is BADTIME, signed, with our time in other data', async t => {
  const { wire, context } = signRequest(writeMessage(query()), key, NOW)
  t.equal(verify(wire, NOW + 300).kind, 'valid')
  t.equal(verify(wire, NOW - 300).kind, 'valid')
  t.equal(refused(verify(wire, NOW - 301)), Rcode.BADTIME)
  const verdict = verify(wire, NOW + 301)
  t.equal(refused(verdict), Rcode.BADTIME)
  if (verdict.kind !== 'invalid') return
  const answer = respondInvalid(writeMessage({ ...query(), rcode: Rcode.NOTAUTH }), verdict, NOW + 301)
  const tsig = readTsig(parseMessage(answer).tsig!.record.rdata)
  t.equal(tsig.timeSigned, NOW)
  t.equal(Buffer.from(tsig.other).readUIntBE(0, 6), NOW + 301)
  const check = () => createStreamVerifier(context).check(answer, parseMessage(answer), NOW)
  t.throws(check, new TsigError('the peer refused our signature', Rcode.BADTIME))
})

t.test('RFC 8945 §5.2.3: a signer may ask for a fudge of an hour at most', async t => {
  const { wire } = signRequest(writeMessage(query()), key, NOW)
  const message = parseMessage(wire)
  const { record } = message.tsig!
  // The fudge follows the algorithm and the time; the variables are those of §4.3.3.
  const algorithm = TSIG_ALGORITHMS['hmac-sha256'].name
  const rdata = record.rdata.slice()
  rdata.set([0xff, 0xff], algorithm.length + 6)
  const variables = [
    ...[parseName('key.example.'), Uint8Array.of(0, 255, 0, 0, 0, 0), algorithm],
    ...[rdata.subarray(algorithm.length, algorithm.length + 8), Uint8Array.of(0, 0, 0, 0)],
  ]
  const mac = createHmac('sha256', SECRET)
    .update(Buffer.concat([writeMessage(query()), ...variables]))
    .digest()
  rdata.set(mac, algorithm.length + 10)
  const longer = Uint8Array.from(wire)
  longer.set(rdata, wire.length - rdata.length)
  t.equal(verify(longer, NOW + 3600).kind, 'valid')
  t.equal(refused(verify(longer, NOW + 3601)), Rcode.BADTIME)
})

t.test('RFC 8945 §5.2.2.1: a truncated MAC is BADTRUNC, one below ten octets is malformed', async t => {
  const { wire } = signRequest(writeMessage(query()), key, NOW)
  t.equal(refused(verify(truncateMac(wire, 16))), Rcode.BADTRUNC)
  t.throws(() => verify(truncateMac(wire, 8)), { code: 'wire' })
})

/** The same message with its MAC cut to `length` octets. */
function truncateMac(wire: Uint8Array, length: number): Uint8Array {
  const at = parseMessage(wire).tsig!.offset + NAME.length
  const macAt = at + 10 + TSIG_ALGORITHMS['hmac-sha256'].name.length + 10
  const cut = Buffer.concat([wire.subarray(0, macAt), wire.subarray(macAt, macAt + length), wire.subarray(macAt + 32)])
  cut.writeUInt16BE(cut.readUInt16BE(at + 8) - 32 + length, at + 8)
  cut.writeUInt16BE(length, macAt - 2)
  return cut
}

t.test('verifying leaves the message as it was, a Buffer too, whose slice() is no copy', async t => {
  const wire = Buffer.from(signRequest(writeMessage(query()), key, NOW).wire)
  const before = Buffer.from(wire)
  t.equal(verify(wire).kind, 'valid')
  t.strictSame(wire, before)
})

t.test('a secret being rotated out is still accepted, and answers are signed with it', async t => {
  const old = tsigKey(NAME, 'hmac-sha256', [Buffer.from('old old old old')])
  const both = tsigKey(NAME, 'hmac-sha256', [SECRET, Buffer.from('old old old old')])
  const { wire, context } = signRequest(writeMessage(query()), old, NOW)
  const verdict = verify(wire, NOW, () => both)
  t.equal(verdict.kind, 'valid')
  if (verdict.kind !== 'valid') return
  t.equal(verdict.secretIndex, 1)
  const answer = signResponse(writeMessage(query()), verdict.context, NOW)
  createStreamVerifier(context).check(answer, parseMessage(answer), NOW)
})

t.test('RFC 8945 §5.3.1: a stream of messages', async t => {
  const { context } = signRequest(writeMessage(query()), key, NOW)
  const messages = (signed: readonly boolean[]) => {
    const sign = createStreamSigner(context)
    return signed.map((on, i) => (on ? sign(writeMessage(query(i)), NOW) : writeMessage(query(i))))
  }
  const check = (wires: readonly Uint8Array[]) => {
    const verifier = createStreamVerifier(context)
    for (const wire of wires) verifier.check(wire, parseMessage(wire), NOW)
    verifier.end()
  }
  t.doesNotThrow(() => check(messages([true, true, true])), 'every message signed')
  t.throws(() => check(messages([false, true])), TsigError, 'the first must be signed')
  t.throws(() => check(messages([true, false])), TsigError, 'the last must be signed')
  t.throws(() => check(messages([true, true, true]).filter((_, i) => i !== 1)), TsigError, 'a message is missing')
  t.throws(
    () => check(messages([true, ...Array.from({ length: 100 }, () => false)])),
    TsigError,
    '100 unsigned in a row',
  )
})

t.test('RFC 8945 §4.2: a TSIG whose class is not ANY or whose TTL is not 0 is malformed', async t => {
  const { wire } = signRequest(writeMessage(query()), key, NOW)
  const at = parseMessage(wire).tsig!.offset + NAME.length
  for (const offset of [at + 3, at + 7]) {
    const altered = wire.slice()
    altered[offset]! ^= 1
    t.throws(() => verify(altered), { code: 'wire' })
  }
})
