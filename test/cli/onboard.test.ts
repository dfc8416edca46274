import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../config/load.ts'
import { printName } from '../../dns/name.ts'
import { CommandError } from '../../server/control/control.ts'
import { playDaemon, put, type } from './session.ts'

const CONFIG = `# ours
data_dir: ./state
name: ns1.internal.example.com
views:
  - name: static
    zones: [{ name: other.example, file: other.zone }]
  - name: inside          # the fleet
    zones:
      - { name: internal.example.com, dynamic: true }
ca:
  name: Example
  url: https://ca.internal.example.com
  issue: [{ names: ["**.elsewhere.example"] }]
`
const ROOT = {
  subject: 'CN=Root',
  sha256: 'AA',
  not_after: '',
  certificate: '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n',
}
const RELOADED = { changed: ['keys', 'views'], restart: [], warnings: [] }

t.test('keys and rules are added here, and manifests printed for there', async t => {
  const { cwd, asked } = await playDaemon(t, { reload: () => RELOADED, 'ca.roots': () => [ROOT] })
  put(cwd, 'namestead.yaml', CONFIG)
  const done = await type(cwd, ['onboard', 'c1', '--server', '192.0.2.53', '--from', '10.0.20.0/24'])
  t.equal(done.exit, 0, done.err)
  t.strictSame(
    asked.map(([name]) => name),
    ['reload', 'ca.roots'],
  )

  const text = readFileSync(join(cwd, 'namestead.yaml'), 'utf8')
  t.match(text, /^# ours/)
  t.match(text, /# the fleet/)
  const { config, errors } = loadConfig(join(cwd, 'namestead.yaml'))
  t.strictSame(errors, [])
  t.strictSame(
    config!.keys.map(({ name }) => printName(name)),
    ['c1-externaldns.', 'c1-certmanager.'],
  )
  const zone = config!.views[1]!.zones[0]!
  t.strictSame(
    zone.update.map(({ names, own }) => [names[0]!.text, own]),
    [
      ['**.c1.internal.example.com.', true],
      ['_acme-challenge.**.c1.internal.example.com.', true],
    ],
  )
  t.equal(zone.transfer.length, 1)
  t.strictSame(config!.views[1]!.match.keys.length, 2)
  t.equal(config!.ca!.issue[1]!.names[0]!.text, '**.c1.internal.example.com')
  t.equal(statSync(join(cwd, 'keys', 'c1-externaldns.key')).mode & 0o077, 0)

  const kinds = parseAllDocuments(done.out).flatMap(
    document => (document.toJSON() as { kind?: string } | null)?.kind ?? [],
  )
  t.strictSame(kinds, ['Secret', 'Secret', 'ClusterIssuer', 'Bundle'])
  t.match(done.out, /caBundle: LS0t/)
  t.match(done.out, /forward \. 192\.0\.2\.53\n/)
  t.match(await type(cwd, ['onboard', 'c1']), { exit: 2, err: /key c1-externaldns is there already/ })
})

t.test('what the daemon refuses is undone', async t => {
  const refuse = () => {
    throw new CommandError('namestead.yaml:1:1: no', 2)
  }
  const { cwd } = await playDaemon(t, { reload: refuse })
  put(cwd, 'namestead.yaml', CONFIG)
  t.match(await type(cwd, ['onboard', 'c1']), { exit: 2, err: /no\n/ })
  t.equal(readFileSync(join(cwd, 'namestead.yaml'), 'utf8'), CONFIG)
  t.notOk(existsSync(join(cwd, 'keys', 'c1-externaldns.key')))
})

t.test('what makes no sense changes nothing', async t => {
  const { cwd } = await playDaemon(t, {})
  put(cwd, 'namestead.yaml', CONFIG)
  const rows: [string[], RegExp][] = [
    [['C1'], /is not a name for a cluster/],
    [['c1', '--view', 'static'], /no dynamic zone fits/],
    [['c1', '--domain', 'c1.example.org'], /is not in the zone/],
    [['c1', '--server', 'ns1'], /is not an IP address/],
    [['c1', '--from', 'here'], /is not a block of addresses/],
  ]
  for (const [argv, err] of rows) t.match(await type(cwd, ['onboard', ...argv]), { exit: 2, err })
  t.equal(readFileSync(join(cwd, 'namestead.yaml'), 'utf8'), CONFIG)
})
