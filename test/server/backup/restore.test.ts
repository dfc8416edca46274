import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from '../../../cli/control.ts'
import type { Replies } from '../../../cli/replies.ts'
import { loadConfig } from '../../../config/load.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld } from '../../../host/world.ts'
import { rehearse } from '../../../server/backup/rehearse.ts'
import { restore } from '../../../server/backup/restore.ts'
import { startDaemon } from '../../../server/daemon.ts'
import { scratchFolder } from '../../scratch.ts'

const CONFIG = `
name: ns.a.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"] }
keys: [{ name: k, algorithm: hmac-sha256, secret: { file: k.secret } }]
views:
  - name: v
    zones:
      - { name: a.example, file: a.zone, dynamic: true }
      - { name: signed.example, dynamic: true, dnssec: { sign: true } }
ca: { name: Test, url: "https://localhost", http_url: "http://localhost", issue: [], profiles: [{ name: default, validity: 1d }] }
`
const zone = (address: string) => `$TTL 300
@ SOA ns hostmaster 7 3600 600 604800 60
@ NS ns
ns A ${address}
`

/** A place for a daemon, which runs when it is told to. */
class Place {
  readonly folder: string
  readonly configFile: string
  private running: { stop(): Promise<void> } | undefined
  constructor(t: Test) {
    this.folder = scratchFolder(t)
    this.configFile = join(this.folder, 'namestead.yaml')
    t.teardown(() => this.stop())
  }

  supply(): this {
    writeFileSync(this.configFile, CONFIG)
    writeFileSync(join(this.folder, 'a.zone'), zone('192.0.2.1'))
    writeFileSync(join(this.folder, 'k.secret'), Buffer.alloc(32, 'k').toString('base64'), { mode: 0o600 })
    return this
  }

  async start(): Promise<this> {
    const { config, errors } = loadConfig(this.configFile)
    if (!config) throw new Error(errors.map(({ message }) => message).join())
    const owner = { configFile: this.configFile, reload: async () => ({}), stop() {}, fail() {} }
    this.running = await startDaemon(config, owner, systemWorld, silentLog)
    return this
  }

  async stop(): Promise<void> {
    const { running } = this
    this.running = undefined
    await running?.stop()
  }

  command<C extends keyof Replies>(name: C, args: object = {}): Promise<Replies[C]> {
    return request(join(this.folder, 'data', 'control.sock'), name, args as Record<string, unknown>)
  }

  async serial(name = 'a.example'): Promise<number> {
    return (await this.command('zone.export', { zone: name })).serial
  }

  async address(): Promise<string> {
    const { text } = await this.command('zone.export', { zone: 'a.example' })
    return /\tA\t(\S+)/.exec(text)![1]!
  }

  restore(file: string, force = false) {
    return restore({ file, configFile: this.configFile, decryption: {}, force, now: Date.UTC(2026, 0, 1) })
  }
}

const importing = (address: string) => ({ zone: 'a.example', file: 'a', text: zone(address) })

t.test('a backup is taken while running, and restored elsewhere with all that it needs', async t => {
  const place = await new Place(t).supply().start()
  await place.command('zone.import', importing('192.0.2.2'))
  const [root, dnssec] = [
    await place.command('ca.roots'),
    await place.command('zone.dnssec', { zone: 'signed.example' }),
  ]
  const file = join(place.folder, 'b')
  t.match(await place.command('backup', { file }), { file, encrypted: false })
  const [serial, signed] = [await place.serial(), await place.serial('signed.example')]
  await t.rejects(place.restore(file), { message: /a daemon runs on/ })
  await place.stop()

  t.match(await rehearse(file, {}), {
    zones: [{ zone: 'a.example.', serial, records: 3 }, { zone: 'signed.example.' }],
    authorities: [/CN=/, /CN=/],
    certificates: Number,
    recorded: Number,
  })
  const elsewhere = new Place(t)
  const done = await elsewhere.restore(file)
  t.match(done, { ca: 'from the backup', left_alone: [] })
  t.strictSame(done.written.map(path => path.slice(elsewhere.folder.length + 1)).sort(), [
    'a.zone',
    'k.secret',
    'namestead.yaml',
  ])
  await elsewhere.start()
  t.equal(await elsewhere.address(), '192.0.2.2')
  t.ok((await elsewhere.serial()) > serial, 'secondaries find it newer than what they have')
  t.ok((await elsewhere.serial('signed.example')) > signed)
  t.strictSame(await elsewhere.command('ca.roots'), root)
  t.strictSame((await elsewhere.command('zone.dnssec', { zone: 'signed.example' })).keys, dnssec.keys)
  const [last] = await elsewhere.command('zone.history', { zone: 'a.example' })
  t.equal(last!.source, 'restore')
  await elsewhere.stop()
  const raised = await elsewhere.start().then(() => elsewhere.serial())
  await elsewhere.stop()
  await elsewhere.start()
  t.equal(await elsewhere.serial(), raised, 'once')
})

t.test('what is there is put aside only when told to, and the CA goes on from there', async t => {
  const place = await new Place(t).supply().start()
  const file = join(place.folder, 'b')
  await place.command('backup', { file })
  const later = await place.command('ca.issue', { names: ['later.example'] })
  await place.command('zone.import', importing('192.0.2.9'))
  const lost = await place.serial()
  await place.stop()
  writeFileSync(join(place.folder, 'a.zone'), zone('192.0.2.1').replace('60', '61'))
  await t.rejects(place.restore(file), { message: /is not empty: --force/ })
  await place.start()
  t.equal(await place.address(), '192.0.2.9', 'a refusal touches nothing')
  await place.stop()

  const done = await place.restore(file, true)
  t.match(done, {
    ca: 'went on',
    set_aside: /before-restore-20260101T000000Z/,
    left_alone: [join(place.folder, 'a.zone')],
  })
  t.ok(readdirSync(done.set_aside!).includes('namestead.db'))
  await place.start()
  t.equal(await place.address(), '192.0.2.1')
  t.ok((await place.serial()) > lost)
  const certificates = await place.command('ca.list', { all: true })
  t.ok(
    certificates.some(({ serial }) => serial === later.serial),
    'what was issued since stays known',
  )
  await place.command('ca.revoke', { serial: later.serial })
})

t.test('a CA that can not go on numbers its lists as never before', async t => {
  const place = await new Place(t).supply().start()
  const file = join(place.folder, 'b')
  await place.command('backup', { file })
  await place.stop()
  writeFileSync(join(place.folder, 'data', 'namestead.db'), 'damaged')
  t.match(await place.restore(file, true), { ca: 'from the backup' })
  await place.start()
})

t.test('what can not be restored leaves everything as it is', async t => {
  const place = new Place(t).supply()
  const file = join(place.folder, 'b')
  await t.rejects(place.restore(file), { message: /can't be read/ })
  writeFileSync(file, 'x')
  await t.rejects(place.restore(file), { message: /is not a backup/ })
  t.strictSame(readdirSync(join(place.folder, 'data')), [])
  mkdirSync(join(place.folder, 'data', 'mine'))
  await place.start().then(
    () => t.fail('a directory of somebody else'),
    error => t.match(error.message, /did not make/),
  )
  rmSync(join(place.folder, 'data'), { recursive: true })
  t.match(readFileSync(place.configFile, 'utf8'), 'a.example')
})

t.test('a rehearsal knows several roots, keys that are encrypted, and keys that are in a token', async t => {
  const place = new Place(t).supply()
  const config = readFileSync(join(place.folder, 'namestead.yaml'), 'utf8')
  writeFileSync(join(place.folder, 'namestead.yaml'), config.replace('ca: {', 'ca: { key_passphrase: "correct horse",'))
  await place.start()
  await place.command('ca.renew-root', {})
  const file = join(place.folder, 'b')
  await place.command('backup', { file })
  t.match(await rehearse(file, {}), { authorities: [/CN=/, /CN=/, /CN=/, /CN=/], recorded: Number })
  // As a token leaves them: names of keys.
  for (const name of ['intermediate-2.key', 'record.key'])
    writeFileSync(join(place.folder, 'data', 'ca', name), 'pkcs11:token=ca;object=x\n')
  const again = join(place.folder, 'c')
  await place.command('backup', { file: again })
  t.match(await rehearse(again, {}), { authorities: [/CN=/, /CN=/, /CN=/, /CN=/], recorded: Number })
  await place.stop()
})
