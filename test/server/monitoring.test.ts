import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../config/load.ts'
import { silentLog } from '../../host/log.ts'
import { systemWorld } from '../../host/world.ts'
import { startDaemon } from '../../server/daemon.ts'
import { scratch } from '../cli/session.ts'
import { run, without } from '../interop/tools.ts'

const RULES = 'docs/monitoring/alerts.yaml'
const DASHBOARD = 'docs/monitoring/grafana-dashboard.json'

const CONFIG = `
name: ns.a.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"], metrics: ["127.0.0.1:0"] }
views:
  - name: v
    match: { clients: [any] }
    recursion: [any]
    zones: [{ name: a.example, dynamic: true }, { name: b.example, type: secondary, primaries: ["127.0.0.1:1"] }]
    forward: [{ zone: ".", to: ["127.0.0.1:1"] }]
ca: { name: Test, url: "https://localhost", issue: [], profiles: [{ name: default, validity: 1d }] }
`

/** Names of our metrics in an expression. */
const namesIn = (text: string) => text.match(/\bnamestead_[a-z0-9_]+\b/g) ?? []

t.test('every metric that a rule or a panel asks for is exposed', async t => {
  const cwd = scratch(t, { 'namestead.yaml': CONFIG })
  const configFile = join(cwd, 'namestead.yaml')
  const { config } = loadConfig(configFile)
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(config!, owner, systemWorld, silentLog)
  t.teardown(() => daemon.stop())
  const response = await fetch(`http://${daemon.status().listen.metrics![0]}/metrics`)
  const text = await response.text()
  const exposed = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const rules = parse(readFileSync(RULES, 'utf8')).groups.flatMap(({ rules }: { rules: { expr: string }[] }) => rules)
  const panels = JSON.parse(readFileSync(DASHBOARD, 'utf8')).panels as { targets: { expr: string }[] }[]
  const asked = [...rules, ...panels.flatMap(({ targets }) => targets)].flatMap(({ expr }) => namesIn(expr))
  t.ok(asked.length > 30)
  for (const name of new Set(asked)) t.ok(exposed.has(name), name)
  t.match(text, /namestead_zone_served\{view="v",zone="b\.example\."\} 0/)
  t.match(
    text,
    /namestead_ca_expiry_timestamp_seconds\{issuer="acme",role="intermediate",subject="[^"]+",fingerprint="[0-9a-f]{64}"\} \d+/,
  )
})

t.test('promtool takes the rules', { skip: without('promtool') }, async t => {
  t.match(await run('promtool', ['check', 'rules', RULES]), { status: 0, stdout: /SUCCESS: \d+ rules found/ })
  t.match(await run('promtool', ['check', 'config', 'packaging/compose/prometheus.yaml', '--syntax-only']), {
    status: 0,
  })
})
