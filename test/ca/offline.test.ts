import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HierarchyError, type HierarchySettings } from '../../ca/hierarchy/hierarchy.ts'
import { makeKey } from '../../ca/hierarchy/keystore.ts'
import { scratchFolder } from '../scratch.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { constrained, DAY, dns, judge, leafKey, openFixture, profile } from './fixture.ts'
import { memoryFiles } from './memory-files.ts'
import { memoryStore } from './memory-store.ts'

const request = { publicKey: leafKey.publicKey, identifiers: dns('www.internal.example.com'), profile }
/** Later than what openssl, which takes the system's time, will call "now". */
const START = Date.now() + 600_000

/** A root that openssl makes and keeps, and what it signs. */
async function openssl(t: Test) {
  const made = await judge(
    {},
    'sh',
    '-c',
    'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -subj "/O=Example/CN=Offline Root" -days 3650 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null && cat k',
  )
  const [key] = /-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----\n/.exec(made.output)!
  const [certificate] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/.exec(made.output)!
  const sign = async (csr: string, ...more: string[]) => {
    const files = { 'root.crt': certificate, 'root.key': key, csr }
    const command = `openssl x509 -req -in csr -CA root.crt -CAkey root.key -set_serial 0x$(openssl rand -hex 16) ${more.join(' ')} 2>/dev/null`
    const { output } = await judge(files, 'sh', '-c', command)
    return output
  }
  t.match(await sign('', ''), '')
  return { certificate, key, sign }
}

/** A hierarchy below that root, its key elsewhere. */
const below = (
  certificate: string,
  kept = new Map<string, string>(),
  memory = memoryStore(),
  more: Partial<HierarchySettings> = {},
) =>
  openFixture({
    clock: createSimulatedClock(START),
    files: memoryFiles(kept).files,
    memory,
    settings: {
      root: { generate: 'ecdsa-p384', validity: 3650 * DAY, certificate, key: { offline: true } },
      intermediate: constrained,
      ...more,
    },
  })

const COPY = '-days 365 -copy_extensions copyall'

t.test('an offline root signs what we ask for, where its key is', async t => {
  const root = await openssl(t)
  const kept = new Map<string, string>()
  const memory = memoryStore()
  const { hierarchy, issuance, lines } = await below(root.certificate, kept, memory)
  t.equal(hierarchy.standing(), undefined)
  t.match(lines.at(-1), {
    level: 'warn',
    message: /have intermediate-1\.csr, in the folder of the CA, signed by the root/,
  })
  t.strictSame([...kept.keys()], ['intermediate-1.key', 'intermediate-1.csr'])
  await t.rejects(issuance.issue(request), { code: 'expired', message: /there is no intermediate yet/ })
  t.throws(() => hierarchy.current(), HierarchyError)
  await t.rejects(hierarchy.renewIntermediate(), { message: /intermediate-1\.csr/ })

  const asked = await judge(
    { csr: kept.get('intermediate-1.csr')! },
    'openssl',
    'req',
    '-in',
    'csr',
    '-noout',
    '-verify',
    '-text',
  )
  t.match(
    asked.output,
    /CA:TRUE, pathlen:0[\s\S]*Certificate Sign, CRL Sign[\s\S]*Permitted:\s+DNS:internal\.example\.com/,
  )
  const signed = await root.sign(kept.get('intermediate-1.csr')!, COPY)
  const made = await hierarchy.importCertificate(signed)
  t.equal(hierarchy.current(), made)
  const { chain } = await issuance.issue(request)
  const [leaf, intermediate] = chain.split(/(?<=-----END CERTIFICATE-----\n)/)
  const files = { root: root.certificate, int: intermediate!, leaf: leaf! }
  const verified = await judge(
    files,
    'openssl',
    'verify',
    '-x509_strict',
    '-attime',
    String(Math.floor(START / 1000)),
    '-CAfile',
    'root',
    '-untrusted',
    'int',
    'leaf',
  )
  t.match(verified.output, 'leaf: OK')
  hierarchy.close()

  const again = await below(root.certificate, kept, memory)
  t.equal(again.hierarchy.current().serial, made.serial, 'and a restart finds it')
  await t.rejects(again.hierarchy.renewIntermediate(), { message: /intermediate-2\.csr/ })
  const next = await again.hierarchy.importCertificate(await root.sign(kept.get('intermediate-2.csr')!, COPY))
  t.equal(again.hierarchy.current(), next, 'the next one is brought in the same way')
  again.hierarchy.close()
})

t.test('what is brought in is looked at as if it came from a stranger', async t => {
  const root = await openssl(t)
  const other = await openssl(t)
  const kept = new Map<string, string>()
  const { hierarchy } = await below(root.certificate, kept)
  const csr = kept.get('intermediate-1.csr')!
  const cases: [what: string, pem: string, words: RegExp][] = [
    ['no certificate', 'x', /no certificate in PEM/],
    ['the root itself', root.certificate, /for no key of ours/],
    ['of another root', await other.sign(csr, COPY), /not signed by our root/],
    ['no CA', await root.sign(csr, '-days 365'), /not a CA's/],
    ['longer than the root', await root.sign(csr, '-days 9000 -copy_extensions copyall'), /outlive the root/],
  ]
  for (const [what, pem, message] of cases)
    await t.rejects(hierarchy.importCertificate(pem), { name: 'HierarchyError', message }, what)
  t.notOk(kept.has('intermediate-1.crt'), 'and nothing is kept')
  hierarchy.close()
})

t.test('its CRL is signed where its key is; ours are signed here', async t => {
  const root = await openssl(t)
  const kept = new Map<string, string>()
  const { hierarchy, revocation, lines } = await below(root.certificate, kept)
  await hierarchy.importCertificate(await root.sign(kept.get('intermediate-1.csr')!, COPY))
  await revocation.start()
  t.equal(await revocation.crl(hierarchy.root.id), undefined)
  t.ok(await revocation.crl(hierarchy.current().id))
  t.strictSame(
    lines.filter(({ level }) => level === 'error'),
    [],
  )
  revocation.close()
  hierarchy.close()
})

t.test('keys are encrypted on disk where there is a passphrase', async t => {
  const kept = new Map<string, string>()
  const memory = memoryStore()
  const open = (passphrase?: string) =>
    openFixture({ files: memoryFiles(kept).files, memory, settings: { passphrase } })
  const { hierarchy } = await open('correct horse')
  for (const name of ['root.key', 'intermediate-1.key'])
    t.match(kept.get(name), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
  hierarchy.close()
  const again = await open('correct horse')
  t.equal(again.hierarchy.root.serial, hierarchy.root.serial)
  again.hierarchy.close()
  await t.rejects(open(), { message: 'root.key is encrypted: give its passphrase as ca.key_passphrase' })
  await t.rejects(open('wrong'), { message: 'root.key is encrypted, and ca.key_passphrase does not open it' })
  const { pem } = await makeKey('rsa-2048', 'x')
  t.match(pem, 'ENCRYPTED')
})

t.test('an intermediate that was made elsewhere is brought in with its key', async t => {
  const root = await openssl(t)
  const kept = new Map<string, string>()
  const memory = memoryStore()
  const open = () => below(root.certificate, kept, memory, { passphrase: 'correct horse' })
  const { hierarchy, issuance } = await open()
  const config =
    'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nnameConstraints=critical,permitted;DNS:internal.example.com\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
  const make = async (extensions: string, from = root) => {
    const { output } = await judge(
      { 'root.crt': from.certificate, 'root.key': from.key, ext: extensions },
      ...['sh', '-c'],
      `openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out csr -subj "/O=Example/CN=Made Elsewhere" 2>/dev/null &&
       openssl x509 -req -in csr -CA root.crt -CAkey root.key -days 300 -extfile ext -out c 2>/dev/null &&
       openssl pkcs12 -export -inkey k -in c -out p -passout pass:opensesame && base64 -w0 p`,
    )
    return Buffer.from(output, 'base64')
  }
  const file = await make(config)
  await t.rejects(hierarchy.importPkcs12(file, 'wrong'), { name: 'KeyError', message: /passphrase is wrong/ })
  const stranger = await make(config, await openssl(t))
  await t.rejects(hierarchy.importPkcs12(stranger, 'opensesame'), { message: /not signed by our root/ })
  const leaf = await make('basicConstraints=critical,CA:FALSE\n')
  await t.rejects(hierarchy.importPkcs12(leaf, 'opensesame'), { message: /not a CA's/ })
  t.notOk(kept.has('intermediate-2.crt'), 'and nothing is kept of those')

  const made = await hierarchy.importPkcs12(file, 'opensesame')
  t.equal(hierarchy.current().commonName, 'Made Elsewhere')
  t.match(kept.get('intermediate-2.key'), /ENCRYPTED/, 'its key lies as our own do')
  t.match((await issuance.issue(request)).chain, made.pem)
  await t.rejects(hierarchy.importPkcs12(file, 'opensesame'), { message: /there already/ })
  hierarchy.close()
  const again = await open()
  t.equal(again.hierarchy.current().serial, made.serial, 'and a restart finds it')
  again.hierarchy.close()
})

t.test('a root in a PKCS#12 file', async t => {
  const root = await openssl(t)
  const folder = scratchFolder(t)
  const file = join(folder, 'root.p12')
  const command = 'openssl pkcs12 -export -inkey k -in c -out p -passout pass:opensesame && base64 -w0 p'
  const { output } = await judge({ k: root.key, c: root.certificate }, 'sh', '-c', command)
  writeFileSync(file, Buffer.from(output, 'base64'))
  const open = (passphrase: string, path = file) =>
    openFixture({
      clock: createSimulatedClock(START),
      settings: { root: { generate: 'ecdsa-p384', validity: 3650 * DAY, pkcs12: { file: path, passphrase } } },
    })
  const { hierarchy } = await open('opensesame')
  t.equal(hierarchy.root.commonName, 'Offline Root')
  t.equal(hierarchy.current().authorityKeyId, hierarchy.root.id)
  hierarchy.close()
  await t.rejects(open('x'), { message: `${file} can't be opened: the passphrase is wrong, or the file is damaged` })
  await t.rejects(open('x', '/none.p12'), { message: "ca.root.pkcs12: /none.p12 can't be read: there is no such file" })
})
