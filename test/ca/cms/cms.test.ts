import t from 'tap'
import { CIPHERS, DIGESTS } from '../../../ca/cms/algorithms.ts'
import { CmsError, readEnveloped, readSigned } from '../../../ca/cms/read.ts'
import { certificatesOnly } from '../../../ca/cms/write.ts'
import { pemOf } from '../../../ca/x509/x509.ts'
import { judge } from '../fixture.ts'
import { messageOf, selfSigned, TYPES } from '../scep/device.ts'

const self = await selfSigned()
const files = {
  'self.pem': pemOf('CERTIFICATE', self.certificate),
  'key.pem': self.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  content: 'what is said '.repeat(200),
}
/** What OpenSSL writes. */
const made = async (command: string) => {
  const { status, output } = await judge(
    files,
    'sh',
    '-c',
    `openssl cms ${command} -binary -in content -outform DER | base64 -w0`,
  )
  if (status !== 0) throw new Error(output)
  return new Uint8Array(Buffer.from(output, 'base64'))
}

t.test('what OpenSSL signs is read, in DER and in the pieces of BER (RFC 5652 §5)', async t => {
  for (const command of [
    '-sign -nodetach',
    '-sign -nodetach -stream',
    '-sign -nodetach -keyid',
    '-sign -nodetach -md sha512',
  ]) {
    const signed = readSigned(await made(`${command} -signer self.pem -inkey key.pem`))
    signed.verify(false)
    t.equal(Buffer.from(signed.content).toString(), files.content, command)
    t.strictSame(Buffer.from(signed.signer.der), Buffer.from(self.certificate))
  }
  const weak = readSigned(await made('-sign -nodetach -md sha1 -signer self.pem -inkey key.pem'))
  t.throws(() => weak.verify(false), { code: 'algorithm' })
  weak.verify(true)
})

t.test('what OpenSSL encrypts is opened, in DER and in the pieces of BER (RFC 5652 §6)', async t => {
  for (const command of ['-aes128', '-aes192', '-aes256', '-aes256 -stream', '-aes128 -keyid']) {
    const enveloped = readEnveloped(await made(`-encrypt ${command} -recip self.pem`), false)
    t.equal(enveloped.open(self.key)?.toString(), files.content, command)
  }
  const old = await made('-encrypt -des3 -recip self.pem')
  t.throws(() => readEnveloped(old, false), { code: 'algorithm' })
  t.equal(readEnveloped(old, true).open(self.key)?.toString(), files.content)
  const oaep = await made('-encrypt -aes128 -recip self.pem -keyopt rsa_padding_mode:oaep')
  t.throws(() => readEnveloped(oaep, true), { code: 'algorithm', message: /RSA/ })
  t.throws(() => readEnveloped(old.subarray(0, 200), true), { code: 'malformed' })
})

t.test('what we write is what OpenSSL reads', async t => {
  const message = messageOf(TYPES.PKCSReq, Buffer.from(files.content), self.certificate, self)
  const opened = await judge(
    { ...files, 'message.p7': message },
    ...[
      'sh',
      '-c',
      'openssl cms -verify -noverify -binary -inform DER -in message.p7 -out inner.p7 && openssl cms -decrypt -binary -inform DER -in inner.p7 -recip self.pem -inkey key.pem',
    ],
  )
  t.match(opened.output, files.content)
  const only = await judge(
    { 'certs.p7': certificatesOnly([self.certificate]) },
    'openssl',
    'pkcs7',
    '-inform',
    'DER',
    '-in',
    'certs.p7',
    '-print_certs',
  )
  t.match(only.output, /subject=CN ?= ?device/)
})

t.test('a signature is of its content, its attributes and its signer alone', async t => {
  const good = await made('-sign -nodetach -signer self.pem -inkey key.pem')
  const at = Buffer.from(good).indexOf('what is said')
  t.throws(() => readSigned(good.map((octet, i) => (i === at ? octet ^ 1 : octet))).verify(false), {
    code: 'signature',
    message: /content/,
  })
  t.throws(() => readSigned(good.map((octet, i) => (i === good.length - 1 ? octet ^ 1 : octet))).verify(false), {
    code: 'signature',
    message: /key/,
  })
  const bare = await made('-sign -nodetach -noattr -signer self.pem -inkey key.pem')
  t.throws(() => readSigned(bare), { code: 'malformed', message: /attributes/ })
  const headless = await made('-sign -nodetach -nocerts -signer self.pem -inkey key.pem')
  t.throws(() => readSigned(headless), { code: 'malformed', message: /certificate of its signer/ })
  t.throws(() => readSigned(good.subarray(0, 100)), CmsError)
})

t.test('what is never taken has no row', async t => {
  t.same(
    [...DIGESTS, ...CIPHERS].filter(({ legacy }) => legacy).map(({ name }) => name),
    ['sha1', 'des-ede3-cbc'],
  )
})
