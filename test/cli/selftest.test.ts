import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config/load.ts'
import { silentLog } from '../../host/log.ts'
import { systemWorld } from '../../host/world.ts'
import { startDaemon } from '../../server/daemon.ts'
import { playDaemon, scratch, type } from './session.ts'

const SECRET = Buffer.alloc(32, 7).toString('base64')
const ZONE = '$TTL 60\n@ SOA ns h 5 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n'
const CONFIG = `
name: ns.a.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"] }
keys:
  - { name: writer, secret: "${SECRET}" }
  - { name: reader, secret: "${SECRET}" }
views:
  - name: inside
    match: { clients: [any] }
    zones:
      - { name: b.example, file: a.zone }
      - name: a.example
        file: a.zone
        dynamic: true
        update: [{ key: writer, names: ["_acme-challenge.**"], types: [TXT] }]
        transfer: [{ key: reader }]
  - { name: outside, match: { clients: [none] }, zones: [{ name: c.example, file: a.zone }] }
`
const CA = `ca: { name: Test, url: "https://localhost", issue: [], profiles: [{ name: default, validity: 1d }] }\n`

async function start(t: Test, text: string): Promise<string> {
  const cwd = scratch(t, { 'namestead.yaml': text, 'a.zone': ZONE })
  const configFile = join(cwd, 'namestead.yaml')
  const { config, errors } = loadConfig(configFile)
  t.same(errors, [])
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(config!, owner, systemWorld, silentLog)
  t.teardown(() => daemon.stop())
  return cwd
}

t.test('everything that clients do is done, and nothing stays', async t => {
  const cwd = await start(t, CONFIG + CA)
  const { exit, out, err } = await type(cwd, ['selftest'])
  t.equal(err, '')
  t.match(out, /^query +ok +\d+ ms +2 of 3 zones answered over UDP and TCP; the others are not for this client$/m)
  t.match(
    out,
    /^update +ok +\d+ ms +_acme-challenge\._namestead-selftest\.a\.example\. TXT came and went by the key writer\.$/m,
  )
  t.match(out, /^transfer +ok +\d+ ms +a\.example\. with 3 records, to the key reader\.$/m)
  t.match(out, /^certificate +ok +\d+ ms +\S+ for namestead-selftest\.b\.example was issued, leads to the root/m)
  t.equal(exit, 0)
  t.notMatch((await type(cwd, ['zone', 'export', 'a.example'])).out, /TXT/)
  t.notMatch((await type(cwd, ['ca', 'list'])).out, /selftest/, 'its certificate is not among the valid ones')
})

t.test('what nobody is allowed to do is skipped', async t => {
  const cwd = await start(t, CONFIG.replace(/ +update:.*\n/, '').replace(/ +transfer:.*\n/, ''))
  const { exit, out } = await type(cwd, ['selftest', '--json'])
  t.equal(exit, 0)
  t.match(JSON.parse(out), [
    { step: 'query', state: 'ok' },
    { step: 'update', state: 'skipped', what: 'no key may write _namestead-selftest, TXT, in a dynamic zone' },
    { step: 'transfer', state: 'skipped', what: 'no key may have a zone transferred from this machine' },
    { step: 'certificate', state: 'skipped', what: 'there is no CA' },
  ])
})

t.test('a step that fails says why, the others are tried, and the exit code is 1', async t => {
  const { cwd } = await playDaemon(t, {
    status: () => ({ listen: { dns: ['127.0.0.1:1'] }, ca: {} }),
    'zone.list': () => [{ zone: 'a.example.', view: 'v', serial: 1, type: 'primary', dynamic: false }],
    'zone.show': () => ({ update_keys: [], transfer_keys: [] }),
    'ca.issue': () => ({ serial: 'ab', certificate: 'none' }),
    'ca.roots': () => [],
    'ca.revoke': () => ({}),
  })
  const { exit, out } = await type(cwd, ['selftest', '--json'])
  t.equal(exit, 1)
  t.match(JSON.parse(out), [
    { step: 'query', state: 'failed', what: /ECONNREFUSED/ },
    { step: 'update', state: 'skipped' },
    { step: 'transfer', state: 'skipped' },
    { step: 'certificate', state: 'failed', what: 'the certificate is not for namestead-selftest.a.example' },
  ])
})
