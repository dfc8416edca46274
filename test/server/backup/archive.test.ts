import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import t, { type Test } from 'tap'
import { pack, unpack } from '../../../server/backup/archive.ts'
import type { Encryption } from '../../../server/backup/encryption.ts'
import { digestOf, MANIFEST, type Manifest } from '../../../server/backup/manifest.ts'
import { scratchFolder } from '../../scratch.ts'

/** A folder with two files and their manifest. */
async function staged(t: Test) {
  const folder = join(scratchFolder(t), 'staged')
  mkdirSync(join(folder, 'data'), { recursive: true })
  writeFileSync(join(folder, 'database.db'), Buffer.alloc(100_000, 'rows'))
  writeFileSync(join(folder, 'data', 'root.key'), 'secret', { mode: 0o600 })
  const entry = async (name: string, kind: 'database' | 'data') => {
    const path = join(folder, name)
    return { entry: name, kind, path: name, size: statSync(path).size, sha256: await digestOf(path), mode: 0o600 }
  }
  const files = [await entry('database.db', 'database'), await entry('data/root.key', 'data')]
  const manifest: Manifest = { format: 1, version: '1.0.0', at: '2026-01-01T00:00:00.000Z', config: '', files }
  writeFileSync(join(folder, MANIFEST), JSON.stringify(manifest))
  return { folder, entries: [...files.map(({ entry }) => entry), MANIFEST], manifest }
}

async function packed(t: Test, encryption: Encryption) {
  const { folder, entries, manifest } = await staged(t)
  const file = join(scratchFolder(t), 'backup')
  await pack(folder, entries, file, encryption)
  return { file, manifest }
}

t.test('what is packed comes out again, for whoever may open it', async t => {
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  const ways = {
    'as it is': [{}, {}],
    'by a passphrase': [{ passphrase: 'correct horse' }, { passphrase: 'correct horse' }],
    'for a recipient': [{ recipients: [recipient] }, { identities: `# created: today\n${identity}\n` }],
  } as const
  for (const [way, [encryption, decryption]] of Object.entries(ways)) {
    const { file, manifest } = await packed(t, encryption)
    t.equal(statSync(file).mode & 0o077, 0, `${way}: for its owner alone`)
    t.equal(readFileSync(file).includes('secret'), false, way)
    const folder = scratchFolder(t)
    t.strictSame(await unpack(file, folder, decryption), manifest, way)
    t.equal(readFileSync(join(folder, 'data', 'root.key'), 'utf8'), 'secret', way)
    if (way === 'as it is') continue
    await t.rejects(unpack(file, scratchFolder(t), {}), { code: 'decryption', message: /give its passphrase/ }, way)
  }
})

t.test('another key opens nothing', async t => {
  const [ours, theirs] = [await generateX25519Identity(), await generateX25519Identity()]
  const { file } = await packed(t, { recipients: [await identityToRecipient(ours)] })
  await t.rejects(unpack(file, scratchFolder(t), { identities: theirs }), { code: 'decryption' })
})

t.test('half a backup, and one that was touched, is never taken for a whole one', async t => {
  const identity = await generateX25519Identity()
  const sealed = { recipients: [await identityToRecipient(identity)] }
  for (const [encryption, decryption] of [
    [{}, {}],
    [sealed, { identities: identity }],
  ] as const) {
    const { file } = await packed(t, encryption)
    const whole = readFileSync(file)
    const spoiled = join(scratchFolder(t), 'spoiled')
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 40)) {
      writeFileSync(spoiled, whole.subarray(0, length))
      await t.rejects(unpack(spoiled, scratchFolder(t), decryption), { code: /archive|decryption/ }, `${length} octets`)
    }
    for (let at = 20; at < whole.length; at += Math.ceil(whole.length / 40)) {
      const touched = Buffer.from(whole)
      touched[at]! ^= 0x10
      writeFileSync(spoiled, touched)
      await unpack(spoiled, scratchFolder(t), decryption).then(
        ({ files }) => t.equal(files.length, 2, `a bit that means nothing at ${at}`),
        error => t.match(error.code, /archive|decryption/, `octet ${at}`),
      )
    }
  }
})

t.test('what fails leaves nothing under the name, nor beside it', async t => {
  const { folder, entries } = await staged(t)
  const target = scratchFolder(t)
  await t.rejects(pack(folder, [...entries, 'missing'], join(target, 'backup'), {}))
  t.strictSame(readdirSync(target), [])
  await t.rejects(pack(folder, entries, join(target, 'no', 'backup'), {}))
})

t.test('another file is told so', async t => {
  const file = join(scratchFolder(t), 'backup')
  writeFileSync(file, 'hello')
  await t.rejects(unpack(file, scratchFolder(t), {}), { code: 'archive', message: /is not a backup/ })
  await t.rejects(unpack(join(file, 'none'), scratchFolder(t), {}), { code: 'archive', message: /can't be read/ })
})
