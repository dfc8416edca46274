import t, { type Test } from 'tap'
import { openPkcs12 } from '../../../ca/hierarchy/pkcs12.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { derBlocks } from '../../../ca/x509/x509.ts'
import { judge, run } from '../fixture.ts'

/** A CA's key and certificate in PEM, by openssl. */
const EC = '-newkey ec -pkeyopt ec_paramgen_curve:P-384'
const RSA = '-newkey rsa:2048'

/** What `openssl pkcs12 -export` makes of a fresh pair with these options, in octets. */
async function written(t: Test, kind: string, options: string, passphrase = 'pass word'): Promise<Buffer> {
  const command = `openssl req -x509 ${kind} -nodes -keyout k -out c -subj '/O=X/CN=Old CA' -days 30 2>/dev/null &&
    openssl req -x509 ${EC} -nodes -keyout k2 -out c2 -subj '/O=X/CN=Other' -days 30 2>/dev/null &&
    openssl pkcs12 -export -inkey k -in c -certfile c2 -out p -passout "pass:$P" ${options} && base64 -w0 p`
  const { status, output } = await judge({}, 'env', `P=${passphrase}`, 'sh', '-c', command)
  t.equal(status, 0, 'openssl writes it')
  return Buffer.from(output, 'base64')
}

const nameOf = (pem: string) => readCertificate(derBlocks('CERTIFICATE', pem)[0]!).commonName

t.test('what openssl writes today is opened: EC and RSA, AES-256 and AES-128, MACs by SHA-1 to SHA-512', async t => {
  const cases: [kind: string, options: string, passphrase?: string][] = [
    [EC, ''],
    [RSA, ''],
    [EC, '-keypbe AES-128-CBC -certpbe AES-128-CBC -macalg sha1'],
    [EC, '-macalg sha512 -iter 1000'],
    [EC, '-certpbe NONE'],
    [EC, '-keypbe NONE -certpbe NONE'],
    [EC, '', ''],
    [EC, '', 'pässwörd €'],
  ]
  for (const [kind, options, passphrase = 'pass word'] of cases) {
    const { certificate, key, others } = await openPkcs12(
      await written(t, kind, options, passphrase),
      passphrase,
      'x.p12',
    )
    t.equal(nameOf(certificate), 'Old CA', `${options} ${passphrase}`)
    t.equal(key.asymmetricKeyType, kind === EC ? 'ec' : 'rsa')
    t.strictSame(others.map(nameOf), ['Other'])
  }
})

t.test('older and other ciphers are refused by name, with the way out', async t => {
  const cases: [options: string, message: RegExp][] = [
    ['-legacy', /x\.p12 is encrypted by pbewithSHAAnd40BitRC2-CBC, which is no longer safe: write it anew, where/],
    ['-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES', /encrypted by pbeWithSHAAnd3-KeyTripleDES-CBC/],
    ['-certpbe NONE -keypbe PBE-SHA1-3DES', /encrypted by pbeWithSHAAnd3-KeyTripleDES-CBC/],
    ['-nomac', /has no MAC/],
  ]
  for (const [options, message] of cases)
    await t.rejects(
      openPkcs12(await written(t, EC, options), 'pass word', 'x.p12'),
      { name: 'KeyError', message },
      options,
    )
})

t.test('the way out that the refusal names is one', async t => {
  const old = await written(t, RSA, '-legacy')
  const command =
    'openssl pkcs12 -legacy -nodes -in old -out pem -passin "pass:pass word" && openssl pkcs12 -export -in pem -out new -passout pass:x && base64 -w0 new'
  const { output } = await judge({ old }, 'sh', '-c', command)
  t.equal(nameOf((await openPkcs12(Buffer.from(output, 'base64'), 'x', 'x.p12')).certificate), 'Old CA')
})

t.test('a wrong passphrase, a changed file, and what is none', async t => {
  const whole = await written(t, EC, '')
  const wrong = { name: 'KeyError', message: "x.p12 can't be opened: the passphrase is wrong, or the file is damaged" }
  await t.rejects(openPkcs12(whole, 'pass', 'x.p12'), wrong)
  for (const at of [60, 200, Math.floor(whole.length / 2), whole.length - 80]) {
    const changed = Buffer.from(whole)
    changed[at]! ^= 0x01
    await t.rejects(openPkcs12(changed, 'pass word', 'x.p12'), { name: 'KeyError' }, `octet ${at}`)
  }
  for (const octets of [Buffer.from('x'), Buffer.alloc(0), whole.subarray(0, 100), Buffer.from('300300', 'hex')])
    await t.rejects(openPkcs12(octets, '', 'x.p12'), { message: 'x.p12 is no PKCS#12 file' })
})

t.test('a file must hold one key, and its certificate', async t => {
  const command = (line: string) =>
    `openssl req -x509 ${EC} -nodes -keyout k -out c -subj /CN=A -days 30 2>/dev/null; openssl req -x509 ${EC} -nodes -keyout k2 -out c2 -subj /CN=B -days 30 2>/dev/null; ${line} && base64 -w0 p`
  const make = async (line: string) => Buffer.from((await judge({}, 'sh', '-c', command(line))).output, 'base64')
  const keyless = await make('openssl pkcs12 -export -nokeys -in c -out p -passout pass:x')
  await t.rejects(openPkcs12(keyless, 'x', 'x.p12'), { message: 'x.p12 holds no private keys; it must hold one' })
  const bare = await make('openssl pkcs12 -export -nocerts -inkey k -in k -out p -passout pass:x')
  await t.rejects(openPkcs12(bare, 'x', 'x.p12'), { message: 'x.p12 holds no certificate of its private key' })
})

t.test('what keytool writes is opened, too', { skip: (await run(['keytool', '-help'], '/')).status !== 0 }, async t => {
  const command =
    'keytool -genkeypair -alias ca -keyalg EC -groupname secp384r1 -dname CN=Java -storetype PKCS12 -keystore p -storepass changeit >/dev/null 2>&1; base64 -w0 p'
  const { output } = await judge({}, 'sh', '-c', command)
  t.equal(nameOf((await openPkcs12(Buffer.from(output, 'base64'), 'changeit', 'x.p12')).certificate), 'Java')
})
