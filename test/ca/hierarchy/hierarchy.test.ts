import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { makeKey } from '../../../ca/hierarchy/keystore.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { constrained, DAY, dns, judge, leafKey, openFixture, profile, settings } from '../fixture.ts'
import { type Fault, memoryFiles } from '../memory-files.ts'
import { memoryStore } from '../memory-store.ts'

const request = { publicKey: leafKey.publicKey, identifiers: dns('www.internal.example.com'), profile }

/** Signatures of this kind are made in the thread itself: a simulated clock need not wait for another. */
const quick = { generate: 'ecdsa-p256' } as const

t.test('a restart finds the same root and intermediate', async t => {
  const { files, kept } = memoryFiles()
  const memory = memoryStore()
  const first = await openFixture({ files, memory })
  t.same([...kept.keys()].sort(), ['intermediate-1.crt', 'intermediate-1.key', 'root.crt', 'root.key'])
  const before = new Map(kept)
  const second = await openFixture({ files, memory })
  t.same(kept, before)
  t.equal(second.hierarchy.root.fingerprint, first.hierarchy.root.fingerprint)
  t.equal(second.hierarchy.current().fingerprint, first.hierarchy.current().fingerprint)
  t.equal(second.hierarchy.find(first.hierarchy.root.id)?.fingerprint, first.hierarchy.root.fingerprint)
  t.same(
    [...memory.records.values()].map(record => record.profile),
    ['ca', 'ca'],
    'each is recorded once',
  )
})

for (const kind of ['write lost', 'reply lost'] satisfies Fault[])
  for (const at of [1, 2, 3, 4])
    t.test(`a power cut at write ${at} (${kind}) loses no key and makes none twice`, async t => {
      const memory = memoryStore()
      const broken = memoryFiles()
      broken.failAt(at, kind)
      await t.rejects(openFixture({ files: broken.files, memory }), { message: 'power cut' })
      const left = new Map(broken.kept)
      const { files, kept } = memoryFiles(broken.kept)
      const { hierarchy, issuance } = await openFixture({ files, memory })
      for (const [name, text] of left) t.equal(kept.get(name), text, `${name} is as it was`)
      t.same([...kept.keys()].sort(), ['intermediate-1.crt', 'intermediate-1.key', 'root.crt', 'root.key'])
      t.equal(hierarchy.all().length, 2)
      await t.resolves(issuance.issue(request))
      for (const one of hierarchy.all()) t.ok(memory.records.has(one.serial), `${one.commonName} is recorded`)
    })

t.test('CA material that does not fit stops the start with a sentence', async t => {
  const { files, kept } = memoryFiles()
  const memory = memoryStore()
  await openFixture({ files, memory })
  const whole = new Map(kept)
  const { pem } = await makeKey('ecdsa-p384')
  const cases: [string, (kept: Map<string, string>) => void, RegExp][] = [
    ['the root key is missing', kept => kept.delete('root.key'), /root\.key is missing; restore/],
    ['the root certificate is missing', kept => kept.delete('root.crt'), /root\.crt is missing; restore/],
    [
      'root key and certificate are missing',
      kept => ['root.key', 'root.crt'].map(name => kept.delete(name)),
      /root\.crt is missing/,
    ],
    ['the root key is another', kept => kept.set('root.key', pem), /don't belong together/],
    ['the root key is no key', kept => kept.set('root.key', 'x'), /root\.key holds no private key in PEM/],
    ['the root certificate is no certificate', kept => kept.set('root.crt', 'x'), /holds no certificate in PEM/],
    ['the intermediate key is missing', kept => kept.delete('intermediate-1.key'), /intermediate-1\.key is missing/],
    ['the intermediate key is another', kept => kept.set('intermediate-1.key', pem), /don't belong together/],
  ]
  for (const [name, spoil, message] of cases) {
    const spoiled = new Map(whole)
    spoil(spoiled)
    const before = new Map(spoiled)
    await t.rejects(openFixture({ files: memoryFiles(spoiled).files, memory }), { message }, name)
    t.same(spoiled, before, 'and nothing is changed')
  }
})

t.test('a key file that others can read is named in the log', async t => {
  const { files } = memoryFiles()
  await openFixture({ files })
  const { lines } = await openFixture({ files: { ...files, isExposed: async () => true }, memory: memoryStore() })
  t.match(
    lines.filter(line => line.level === 'warn').map(line => line.message),
    [/^intermediate-1\.key can be read by others; make its mode 0600/, /^root\.key/],
  )
})

t.test(
  'for nine years, each certificate gets the profile in full, and the intermediate is renewed before it does not',
  async t => {
    const clock = createSimulatedClock()
    const { hierarchy, issuance, memory } = await openFixture({ clock })
    const issuers = new Set<string>()
    for (let week = 0; week < 9 * 52; week++) {
      const { record } = await issuance.issue(request)
      issuers.add(record.issuer)
      if (record.notAfter - record.notBefore !== 90 * DAY - 1000) t.fail(`week ${week}: cut short`)
      if (hierarchy.find(record.issuer)!.notAfter < record.notAfter) t.fail(`week ${week}: outlives its issuer`)
      await clock.advance(7 * DAY)
      // While an intermediate is being made, nothing waits for the clock: real time must not decide how far it runs meanwhile.
      while (clock.pending() === 0) await turn()
    }
    t.ok(issuers.size >= 9 && issuers.size <= 16, `${issuers.size} intermediates`)
    t.ok(hierarchy.all().length <= 4, 'expired ones are let go')
    const names = [...memory.records.values()]
      .filter(record => record.profile === 'ca')
      .map(record => readCertificate(record.der).commonName)
    t.same(names.slice(0, 3), [
      'Example Corp Root CA',
      'Example Corp Intermediate CA 1',
      'Example Corp Intermediate CA 2',
    ])
    hierarchy.close()
  },
)

t.test('at the end of the root, intermediates and leaves end with it, and are not made over and over', async t => {
  const clock = createSimulatedClock()
  const short = { root: { ...settings.root, ...quick, validity: 400 * DAY } }
  const { hierarchy, issuance, memory, lines } = await openFixture({ clock, settings: short })
  await clock.advance(395 * DAY)
  const { record } = await issuance.issue(request)
  t.equal(record.notAfter, hierarchy.root.notAfter)
  t.match(lines.find(line => line.level === 'warn')?.message, /^the root ends on 2027-02-\S+, and all that it signed/)
  t.ok([...memory.records.values()].filter(one => one.profile === 'ca').length <= 3)
  await clock.advance(10 * DAY)
  await t.rejects(issuance.issue(request), { code: 'expired', message: /expired on 2027-02-/ })
  await t.rejects(hierarchy.renewIntermediate(), { code: 'hierarchy', message: /set the clock, or replace the root/ })
  hierarchy.close()
})

t.test('a failing disk keeps the old intermediate at work, and the renewal is tried again', async t => {
  const clock = createSimulatedClock()
  const { files } = memoryFiles()
  let full = false
  const create: typeof files.create = async (...file) => {
    if (full) throw new Error('disk full')
    return files.create(...file)
  }
  const { hierarchy, lines } = await openFixture({
    clock,
    files: { ...files, create },
    settings: { root: { ...settings.root, ...quick } },
  })
  const first = hierarchy.current().id
  full = true
  await clock.advance(300 * DAY)
  t.equal(hierarchy.current().id, first)
  t.match(lines.at(-1), { level: 'error', message: /could not be renewed; tried again in an hour/ })
  full = false
  await clock.advance(DAY / 24)
  t.not(hierarchy.current().id, first)
  t.equal(hierarchy.find(first)?.id, first, 'the old one still answers for what it signed')
  hierarchy.close()
})

t.test('renewing on command overlaps with the old one; two commands at once make one', async t => {
  const { hierarchy, issuance } = await openFixture()
  const seen: string[] = []
  hierarchy.onRenewal(made => seen.push(made.commonName))
  const old = await issuance.issue(request)
  const [a, b] = await Promise.all([hierarchy.renewIntermediate(), hierarchy.renewIntermediate()])
  t.equal(a.id, b.id)
  t.same(seen, ['Example Corp Intermediate CA 2'])
  t.equal((await issuance.issue(request)).record.issuer, a.id)
  t.match(issuance.chainOf(old.record), hierarchy.find(old.record.issuer)!.pem)
  t.equal(hierarchy.all().length, 3)
})

t.test('another key or other constraints in the config make a new intermediate, never a new root', async t => {
  const { files } = memoryFiles()
  const memory = memoryStore()
  const first = await openFixture({ files, memory })
  const open = (intermediate: typeof settings.intermediate) =>
    openFixture({ files, memory, settings: { intermediate } })
  const second = await open(constrained)
  t.not(second.hierarchy.current().id, first.hierarchy.current().id)
  t.same(second.hierarchy.current().limits.permitted, [{ dns: 'internal.example.com' }])
  const third = await open(constrained)
  t.equal(third.hierarchy.current().id, second.hierarchy.current().id)
  const fourth = await open({ ...constrained, generate: 'ed25519' })
  t.equal(fourth.hierarchy.current().signer.kind, 'ed25519')
  t.equal(fourth.hierarchy.root.fingerprint, first.hierarchy.root.fingerprint)
})

t.test('a root made elsewhere is used as it is', async t => {
  const command =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -out c -subj '/C=AT/O=Elsewhere/CN=Old Root' -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign; cat k c"
  const made = await judge({}, 'sh', '-c', command)
  const key = /-----BEGIN PRIVATE KEY[\s\S]+END PRIVATE KEY-----/.exec(made.output)![0]
  const certificate = made.output.slice(made.output.indexOf('-----BEGIN CERTIFICATE'))
  const { systemClock } = await import('../../../host/clock.ts')
  const { files, kept } = memoryFiles()
  const root = { ...settings.root, certificate, key: { pem: key } }
  const { hierarchy, issuance } = await openFixture({ files, clock: systemClock, settings: { root } })
  t.equal(hierarchy.root.commonName, 'Old Root')
  t.notOk(kept.has('root.key'), 'its key stays where it is')
  const { chain } = await issuance.issue(request)
  const verified = await judge(
    { certificate, chain },
    'openssl',
    'verify',
    '-x509_strict',
    '-CAfile',
    'certificate',
    '-untrusted',
    'chain',
    'chain',
  )
  t.equal(verified.output, 'chain: OK\n')
  const pkcs11 = { module: '/lib/x.so', token: 'x', object: 'y' }
  await t.rejects(openFixture({ settings: { root: { ...root, key: { pkcs11 } } } }), { message: /there is none/ })
  const { pem } = await makeKey('ecdsa-p384')
  await t.rejects(openFixture({ settings: { root: { ...root, key: { pem } } } }), { message: /don't belong together/ })
  hierarchy.close()
})

t.test('what a root made elsewhere is limited to, nothing below it certifies (RFC 5280 §6.1.4 (g))', async t => {
  const limits = 'nameConstraints=critical,permitted;DNS:.internal.example,excluded;DNS:x.internal.example'
  const command = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -out c -subj /CN=Limited -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign -addext '${limits}'; cat k c`
  const made = await judge({}, 'sh', '-c', command)
  const key = /-----BEGIN PRIVATE KEY[\s\S]+END PRIVATE KEY-----/.exec(made.output)![0]
  const certificate = made.output.slice(made.output.indexOf('-----BEGIN CERTIFICATE'))
  const { systemClock } = await import('../../../host/clock.ts')
  const root = { ...settings.root, certificate, key: { pem: key } }
  const { hierarchy, issuance } = await openFixture({ clock: systemClock, settings: { root } })
  t.teardown(() => hierarchy.close())
  for (const [name, within] of [
    ['www.internal.example', true],
    ['internal.example', false],
    ['x.internal.example', false],
    ['www.example.com', false],
  ] as const) {
    const [identifier] = dns(name)
    t.equal(hierarchy.permits(identifier!), within, name)
    const issued = issuance.issue({ ...request, identifiers: [identifier!] })
    if (within) await t.resolves(issued)
    else await t.rejects(issued, { code: 'lint', message: /name constraints/ } as unknown as Error, name)
  }
})

t.test('the names of a very long organization are cut to what X.520 allows', async t => {
  const { hierarchy } = await openFixture({ settings: { name: 'x'.repeat(100) } })
  t.equal(hierarchy.root.commonName.length, 64)
  t.match(hierarchy.current().commonName, / Intermediate CA 1$/)
})
