import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { configText, Daemon, type Ports } from './daemon.ts'
import { run, without } from './tools.ts'

const NAME = 'r1.net.internal.example.com'
const PROFILE =
  '{ name: default, validity: 90d, usages: [server, client], keys: [ecdsa-p256, rsa-2048], renewable: true, server_keys: true }'

t.setTimeout(120_000)

/** What Python makes of a multipart message: the contents of its parts, each into a file. */
const SPLIT = `import email, sys
parts = email.message_from_binary_file(open(sys.argv[1], 'rb')).get_payload()
assert [part.get_content_type() for part in parts] == ['application/pkcs8', 'application/pkcs7-mime']
for part, file in zip(parts, sys.argv[2:]): open(file, 'wb').write(part.get_payload(decode=True))`

const config = (ports: Ports) => `${configText(ports).replace('{ name: default, validity: 90d }', PROFILE)}  est: {}\n`

/** A daemon with EST, and an enrolment secret for NAME. */
async function open(t: Test) {
  const daemon = await Daemon.start(t, { config })
  const made = await daemon.cli('ca', 'enrolment', 'create', 'routers', '--names', NAME, '--uses', '0', '--json')
  t.equal(made.status, 0, made.stderr)
  const { secret } = JSON.parse(made.stdout) as { secret: string }
  return { daemon, secret, root: await daemon.rootFile(), at: (file: string) => join(daemon.folder, file) }
}

/** Runs a program that must end well; what it printed. */
async function done(t: Test, program: string, args: readonly string[], input?: string): Promise<string> {
  const ran = await run(program, args, input === undefined ? {} : { input })
  t.equal(ran.status, 0, `${program} ${args[0]}: ${ran.stderr.slice(-600)}`)
  return ran.stdout
}

async function verifies(t: Test, root: string, intermediates: string, certificate: string) {
  const args = ['verify', '-x509_strict', '-CAfile', root, '-untrusted', intermediates, certificate]
  t.match(await done(t, 'openssl', args), /: OK/)
}

t.test('curl and openssl enrol and re-enrol', { skip: without('curl', 'openssl', 'python3') }, async t => {
  const { daemon, secret, root, at } = await open(t)
  const curl = async (path: string, ...args: string[]) => {
    const url = daemon.url(`/.well-known/est${path}`)
    const stdout = await done(t, 'curl', ['-sS', '--fail-with-body', '--cacert', root, ...args, url])
    writeFileSync(at('answer'), Buffer.from(stdout, 'base64'))
    return stdout
  }
  const certificates = () => done(t, 'openssl', ['pkcs7', '-inform', 'DER', '-in', at('answer'), '-print_certs'])
  const request = async (key: string) => {
    const made = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(key)]
    const names = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`]
    await done(t, 'openssl', [...made, ...names, '-outform', 'DER', '-out', at('csr')])
    writeFileSync(at('body'), readFileSync(at('csr')).toString('base64'))
    return ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${at('body')}`]
  }
  await curl('/cacerts')
  const ca = await certificates()
  t.match(ca, /subject=O = Interop, CN = Interop Root CA[\s\S]*subject=O = Interop, CN = Interop Intermediate CA/)
  writeFileSync(at('ca.pem'), ca)
  await curl('/acme/csrattrs')
  t.match(
    await done(t, 'openssl', ['asn1parse', '-inform', 'DER', '-in', at('answer')]),
    /id-ecPublicKey[\s\S]*prime256v1[\s\S]*ecdsa-with-SHA256/,
  )
  await curl('/simpleenroll', '--user', `r1:${secret}`, ...(await request('first.key')))
  writeFileSync(at('first.pem'), await certificates())
  await verifies(t, root, at('ca.pem'), at('first.pem'))

  const shown = ['--cert', at('first.pem'), '--key', at('first.key')]
  await curl('/simplereenroll', ...shown, ...(await request('second.key')))
  writeFileSync(at('second.pem'), await certificates())
  await verifies(t, root, at('ca.pem'), at('second.pem'))
  const [first, second] = ['first.pem', 'second.pem'].map(file => new X509Certificate(readFileSync(at(file))))
  t.equal(second!.subjectAltName, first!.subjectAltName)
  t.notOk(second!.publicKey.equals(first!.publicKey))

  const made = await curl('/serverkeygen', '-i', ...shown, ...(await request('ignored.key')))
  writeFileSync(at('made'), made.slice(made.search(/content-type: multipart/i)))
  await done(t, 'python3', ['-c', SPLIT, at('made'), at('made.key'), at('made.p7')])
  const certificate = await done(t, 'openssl', ['pkcs7', '-inform', 'DER', '-in', at('made.p7'), '-print_certs'])
  writeFileSync(at('made.pem'), certificate)
  await verifies(t, root, at('ca.pem'), at('made.pem'))
  t.equal(
    await done(t, 'openssl', ['pkey', '-inform', 'DER', '-in', at('made.key'), '-pubout']),
    await done(t, 'openssl', ['x509', '-in', at('made.pem'), '-noout', '-pubkey']),
    'the key that was made is the one of the certificate',
  )

  const asking = ['-sS', '--cacert', root, '-o', at('refusal'), '-w', '%{http_code}']
  const url = daemon.url('/.well-known/est/simplereenroll')
  t.equal(await done(t, 'curl', [...asking, ...(await request('third.key')), url]), '401')
  t.match(readFileSync(at('refusal'), 'utf8'), /enrolment secret/)
})

t.test(
  'strongSwan enrols by its secret and renews by its certificate',
  { skip: without('pki', 'openssl') },
  async t => {
    const { daemon, secret, root, at } = await open(t)
    const url = ['--url', daemon.url(''), '--cacert', root]
    const pki = async (...args: string[]) => {
      const { status, stderr } = await run('sh', ['-c', `pki "$@" > '${at('out')}'`, 'pki', ...args])
      t.equal(status, 0, `${args[0]}: ${stderr.slice(-600)}`)
      return readFileSync(at('out'))
    }
    await pki('--estca', ...url, '--caout', at('ca.pem'), '--outform', 'pem')
    for (const [key, who] of [
      ['first', ['--userpass', `r1:${secret}`]],
      ['second', ['--cert', at('first.crt'), '--key', at('first.key')]],
    ] as const) {
      writeFileSync(at(`${key}.key`), await pki('--gen', '--type', 'ecdsa', '--size', '256'))
      const csr = ['--req', '--in', at(`${key}.key`), '--dn', `CN=${NAME}`, '--san', NAME]
      writeFileSync(at('csr'), await pki(...csr))
      writeFileSync(at(`${key}.crt`), await pki('--est', ...url, '--in', at('csr'), ...who))
    }
    const [first, second] = ['first.crt', 'second.crt'].map(file => new X509Certificate(readFileSync(at(file))))
    t.equal(first!.subjectAltName, `DNS:${NAME}`)
    t.equal(second!.subjectAltName, `DNS:${NAME}`)
    t.notOk(second!.publicKey.equals(first!.publicKey))
  },
)
