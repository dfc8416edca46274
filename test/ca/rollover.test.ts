import t, { type Test } from 'tap'
import { systemClock } from '../../host/clock.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { DAY, dns, type FixtureOptions, judge, leafKey, leafOf, openFixture, profile } from './fixture.ts'
import { type Fault, memoryFiles } from './memory-files.ts'
import { memoryStore } from './memory-store.ts'

const request = { publicKey: leafKey.publicKey, identifiers: dns('www.internal.example.com'), profile }
const quick = { root: { generate: 'ecdsa-p256', validity: 3650 * DAY } } as const

const open = (options: FixtureOptions = {}) =>
  openFixture({ clock: systemClock, ...options, settings: { crossSign: 'forward', ...quick, ...options.settings } })

/** OpenSSL's word on a chain, for a client that trusts this root alone and has nothing but what it was sent. */
async function verifies(root: string, chain: string): Promise<boolean> {
  const files = { root, chain, leaf: leafOf(chain) }
  const command = ['-x509_strict', '-CAfile', 'root', '-untrusted', 'chain', 'leaf']
  return (await judge(files, 'openssl', 'verify', ...command)).output === 'leaf: OK\n'
}

/** Which root verifies which chain, "old new" for each. */
async function judged(roots: Record<string, string>, chains: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  for (const chain of chains) {
    const by: string[] = []
    for (const [name, pem] of Object.entries(roots)) if (await verifies(pem, chain)) by.push(name)
    lines.push(by.join(' '))
  }
  return lines
}

t.test('a new root is signed by the old one: who trusts either verifies what is issued from then on', async t => {
  const kept = new Map<string, string>()
  const memory = memoryStore()
  const { hierarchy, issuance, revocation } = await open({ files: memoryFiles(kept).files, memory })
  const old = hierarchy.root
  const before = await issuance.issue(request)
  t.strictSame(hierarchy.chains(hierarchy.current(), 0).length, 1)

  const next = await hierarchy.renewRoot({ distrust: false })
  t.equal(hierarchy.root, next)
  t.equal(next.commonName, 'Example Corp Root CA 2')
  t.equal(hierarchy.current().authorityKeyId, next.id, 'an intermediate of the new root signs')
  t.strictSame(hierarchy.roots(), [next, old])
  const after = await issuance.issue(request)
  const roots = { old: old.pem, new: next.pem }
  const chains = issuance.chainsOf(after.record)
  t.equal(after.chain, chains[0])
  t.strictSame(await judged(roots, chains), ['old new', 'new'], 'the first chain leads to the oldest root')
  t.strictSame(await judged(roots, issuance.chainsOf(before.record)), ['old'], 'what was issued before goes on')
  for (const one of [old, next]) t.ok(await revocation.crl(one.id), 'both answer for revocation')

  const again = await open({ files: memoryFiles(kept).files, memory })
  t.strictSame(
    again.hierarchy.all().map(({ serial }) => serial),
    hierarchy.all().map(({ serial }) => serial),
    'a restart finds them all',
  )
  t.strictSame(again.issuance.chainsOf(after.record), chains)
  const preferring = await open({
    files: memoryFiles(kept).files,
    memory,
    settings: { preferredChain: () => 'Example Corp Root CA 2' },
  })
  t.strictSame(preferring.issuance.chainsOf(after.record), chains.toReversed(), 'the preferred root comes first')
  for (const one of [hierarchy, again.hierarchy, preferring.hierarchy]) one.close()
})

t.test('the new root signs the old one, too, where the config asks for both', async t => {
  const { hierarchy, issuance } = await open({ settings: { crossSign: 'both' } })
  const old = hierarchy.root
  const before = await issuance.issue(request)
  await hierarchy.renewRoot({ distrust: false })
  const roots = { old: old.pem, new: hierarchy.root.pem }
  t.strictSame(await judged(roots, issuance.chainsOf(before.record)), ['old', 'old new'])
  const after = await issuance.issue(request)
  t.strictSame(
    await judged(roots, issuance.chainsOf(after.record)),
    ['old new', 'new'],
    'and no chain goes in a circle',
  )
  hierarchy.close()
})

t.test('two roots later a client that has only the first still finds its way', async t => {
  const { hierarchy, issuance } = await open()
  const first = hierarchy.root
  await hierarchy.renewRoot({ distrust: false })
  const second = hierarchy.root
  await hierarchy.renewRoot({ distrust: false })
  const { record } = await issuance.issue(request)
  const chains = issuance.chainsOf(record)
  t.ok(chains.length >= 3)
  t.match(await judged({ first: first.pem, second: second.pem, third: hierarchy.root.pem }, chains.slice(0, 1)), [
    /first/,
  ])
  hierarchy.close()
})

t.test('a root that is distrusted signs nothing, leads nowhere and is not handed out', async t => {
  const kept = new Map<string, string>()
  const memory = memoryStore()
  const { hierarchy, issuance } = await open({ files: memoryFiles(kept).files, memory })
  const old = hierarchy.root
  const before = await issuance.issue(request)
  await hierarchy.renewRoot({ distrust: true })
  const look = ({ hierarchy, issuance }: Awaited<ReturnType<typeof open>>) => {
    t.strictSame(
      hierarchy.roots().map(({ commonName }) => commonName),
      ['Example Corp Root CA 2'],
    )
    t.strictSame(hierarchy.crossCertificates(), [])
    t.equal(hierarchy.find(old.id)?.serial, old.serial, 'what it signed is still answered for')
    t.equal(issuance.chainsOf(before.record).length, 1)
  }
  const again = await open({ files: memoryFiles(kept).files, memory, settings: { crossSign: 'both' } })
  look(again)
  t.ok(kept.has('root.distrusted'))
  hierarchy.close()
  again.hierarchy.close()
})

for (const kind of ['write lost', 'reply lost'] satisfies Fault[])
  for (const at of [5, 6, 7, 8])
    t.test(`a power cut at write ${at} of a rollover (${kind}) ends in one of the two roots`, async t => {
      const memory = memoryStore()
      const broken = memoryFiles()
      broken.failAt(at, kind)
      const first = await open({ files: broken.files, memory })
      const old = first.hierarchy.root
      await t.rejects(first.hierarchy.renewRoot({ distrust: false }), { message: 'power cut' })
      t.equal(first.hierarchy.root, old, 'the running daemon stays where it was')
      first.hierarchy.close()
      const { hierarchy, issuance } = await open({ files: memoryFiles(broken.kept).files, memory })
      const { record } = await issuance.issue(request)
      t.strictSame(await judged({ old: old.pem }, issuance.chainsOf(record).slice(0, 1)), ['old'])
      await hierarchy.renewRoot({ distrust: false })
      t.ok(hierarchy.roots().length >= 2)
      hierarchy.close()
    })

t.test('a root that the config replaces is cross-signed where its key is given', async t => {
  const made = async (t: Test, name: string) => {
    const command = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c -subj "/O=X/CN=${name}" -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null; cat k c`
    const { output } = await judge({}, 'sh', '-c', command)
    const [key] = /-----BEGIN PRIVATE KEY[\s\S]+END PRIVATE KEY-----\n/.exec(output)!
    t.ok(key)
    return { certificate: output.slice(output.indexOf('-----BEGIN CERTIFICATE')), key: { pem: key } }
  }
  const [old, next] = [await made(t, 'Old'), await made(t, 'New')]
  const root = { ...quick.root, ...next }
  const { hierarchy, issuance } = await open({ settings: { root, formerRoots: [old] } })
  const { record } = await issuance.issue(request)
  const roots = { old: old.certificate, new: next.certificate }
  t.strictSame(await judged(roots, issuance.chainsOf(record)), ['old new', 'new'])
  await t.rejects(hierarchy.renewRoot({ distrust: false }), {
    name: 'HierarchyError',
    message: /the root comes from the configuration/,
  })
  hierarchy.close()

  t.test('elsewhere, and brought in', async t => {
    const kept = new Map<string, string>()
    const files = memoryFiles(kept).files
    const keyless = { certificate: old.certificate }
    const { hierarchy, issuance } = await open({ files, settings: { root, formerRoots: [keyless] } })
    const sign = async (ext: string, subject = '/O=X/CN=New') => {
      const command = `openssl req -new -key new.key -subj "${subject}" -out csr && openssl x509 -req -in csr -CA old.crt -CAkey old.key -days 300 -extfile ext -out cross 2>/dev/null && cat cross`
      const all = { 'new.key': next.key.pem, 'old.key': old.key.pem, 'old.crt': old.certificate, ext }
      return (await judge(all, 'sh', '-c', command)).output
    }
    const extensions =
      'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
    await t.rejects(hierarchy.importCertificate(await sign('basicConstraints=CA:FALSE\n')), { message: /not a CA's/ })
    await t.rejects(hierarchy.importCertificate(await sign(extensions, '/CN=Other')), { message: /not for its name/ })
    const cross = await sign(extensions)
    const alone = await open({ settings: { root } })
    await t.rejects(alone.hierarchy.importCertificate(cross), {
      message: /none of our roots signed it: put the one that did/,
    })
    alone.hierarchy.close()
    await hierarchy.importCertificate(cross)
    const { record } = await issuance.issue(request)
    t.strictSame(await judged(roots, issuance.chainsOf(record)), ['old new', 'new'])
    hierarchy.close()
    const again = await open({ files, settings: { root, formerRoots: [keyless] } })
    t.equal(again.hierarchy.crossCertificates().length, 1, 'and a restart finds it')
    again.hierarchy.close()
  })
})

t.test('a chain that ends before the certificate does comes after those that do not', async t => {
  const clock = createSimulatedClock()
  const { hierarchy, issuance } = await open({ clock, settings: { root: { ...quick.root, validity: 800 * DAY } } })
  const old = hierarchy.root
  await clock.advance(300 * DAY)
  await hierarchy.renewRoot({ distrust: false })
  const rootOf = async () => {
    const { record } = await issuance.issue(request)
    return hierarchy.chains(hierarchy.find(record.issuer)!, record.notAfter).map(({ root }) => root.commonName)
  }
  t.strictSame(await rootOf(), ['Example Corp Root CA', 'Example Corp Root CA 2'])
  await clock.advance(450 * DAY)
  t.strictSame(
    await rootOf(),
    ['Example Corp Root CA 2', 'Example Corp Root CA'],
    'the old root ends before the certificate',
  )
  await clock.advance(60 * DAY)
  t.ok(old.notAfter < clock.now())
  t.strictSame(await rootOf(), ['Example Corp Root CA 2'])
  t.strictSame(
    hierarchy.roots().map(({ commonName }) => commonName),
    ['Example Corp Root CA 2'],
  )
  hierarchy.close()
})
