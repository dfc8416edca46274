import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../config/load.ts'
import { printName } from '../../dns/name.ts'
import { scratch, type } from './session.ts'

t.test('what init writes passes check without a warning, and holds what it says', async t => {
  const cwd = scratch(t, {})
  const { exit, out } = await type(cwd, [
    'init',
    'ns',
    '--domain',
    'Internal.Example.com',
    '--address',
    '192.0.2.53',
    '--high-ports',
  ])
  t.equal(exit, 0)
  t.equal(
    out,
    `wrote ns/zones/internal.example.com.zone
wrote ns/keys/externaldns.key
wrote ns/keys/certmanager.key
wrote ns/namestead.yaml

Next:
  namestead check --config ns/namestead.yaml
  namestead serve --config ns/namestead.yaml
`,
  )
  const byNpx = await type(cwd, ['init', 'other', '--domain', 'b.example', '--high-ports'], [], { npm_command: 'exec' })
  t.match(byNpx.out, /^ {2}npx namestead check --config other\/namestead\.yaml$/m, 'and as it was called itself')
  const checked = await type(cwd, ['check', '--config', 'ns/namestead.yaml'])
  t.strictSame(checked, { exit: 0, out: `${cwd}/ns/namestead.yaml: ok\n`, err: '' })
  const { config } = loadConfig(join(cwd, 'ns/namestead.yaml'))
  t.equal(printName(config!.name), 'ns1.internal.example.com.')
  t.equal(config!.ca!.url, 'https://ca.internal.example.com:8443')
  t.strictSame(
    config!.keys.map(key => key.secret[0]!.length),
    [32, 32],
  )
  t.notSame(config!.keys[0]!.secret, config!.keys[1]!.secret)
})

t.test('the keys are for their owner alone', async t => {
  const cwd = scratch(t, {})
  await type(cwd, ['init', '--domain', 'a.example'])
  for (const key of readdirSync(join(cwd, 'keys'))) t.equal(statSync(join(cwd, 'keys', key)).mode & 0o777, 0o600, key)
})

t.test('BIND takes the zone', async t => {
  const cwd = scratch(t, {})
  await type(cwd, ['init', '--domain', 'a.example', '--address', '2001:db8::1'])
  const said = execFileSync('named-checkzone', ['a.example', join(cwd, 'zones/a.example.zone')], { encoding: 'utf8' })
  t.match(said, 'OK')
})

t.test('nothing is overwritten', async t => {
  const cwd = scratch(t, { 'namestead.yaml': 'mine' })
  const { exit, err } = await type(cwd, ['init', '--domain', 'a.example'])
  t.equal(exit, 2)
  t.equal(err, `${cwd}/namestead.yaml exists already; init never overwrites\n`)
  t.equal(readFileSync(join(cwd, 'namestead.yaml'), 'utf8'), 'mine')
  t.strictSame(readdirSync(cwd), ['namestead.yaml'])
})

t.test('what is not said is asked where somebody is there, and else wrong', async t => {
  const cwd = scratch(t, {})
  const nobody = await type(cwd, ['init'])
  t.strictSame([nobody.exit, nobody.err], [2, 'name the domain with --domain\n'])
  const somebody = await type(cwd, ['init'], ['a.example', '192.0.2.9'])
  t.equal(somebody.exit, 0)
  t.match(readFileSync(join(cwd, 'zones/a.example.zone'), 'utf8'), /ns1\s+IN A\s+192\.0\.2\.9/)
})

t.test('every question has its default, and is asked again where the answer is none', async t => {
  const cwd = scratch(t, {})
  const answers = ['a b', 'a.example', 'here', '192.0.2.9', '9.9.9.9, [2001:db8::53]:5353', 'perhaps', 'no']
  const { exit, err } = await type(cwd, ['init'], answers)
  t.equal(exit, 0)
  const asRoot = process.getuid?.() === 0
  t.match(err, asRoot ? /is not an IP address\n"perhaps" is neither yes nor no\n$/ : /is not an IP address\n$/)
  const { config } = loadConfig(join(cwd, 'namestead.yaml'))
  t.same(
    (config!.views[0]!.forward[0]!.to as { address: string; port: number }[]).map(({ address, port }) => [
      address,
      port,
    ]),
    [
      ['9.9.9.9', 53],
      ['2001:db8::53', 5353],
    ],
  )
  t.equal(config!.listen.dns[0]!.port, 5300)
  const stubborn = await type(cwd, ['init', 'b'], ['..', '..', '..', 'b.example'])
  t.equal(stubborn.exit, 2, 'not for ever')
  const alone = await type(cwd, ['init', 'c', '--domain', 'c.example', '--forward-to', 'none'])
  t.equal(alone.exit, 0)
  t.same(loadConfig(join(cwd, 'c/namestead.yaml')).config!.views[0]!.forward, [])
})

t.test('bad answers', async t => {
  const cwd = scratch(t, {})
  for (const argv of [
    ['--domain', 'a..b'],
    ['--domain', '.'],
    ['--domain', 'a b'],
    ['--domain', 'a.b', '--address', 'here'],
    ['--domain', 'a.b', '--forward-to', 'ns.example'],
  ])
    t.equal((await type(cwd, ['init', ...argv])).exit, 2, argv.join(' '))
  t.strictSame(readdirSync(cwd), [])
})

t.test('the files are made for the account that the daemon runs as', async t => {
  const cwd = scratch(t, {})
  const argv = ['init', '--domain', 'a.example', '--data-dir', '/var/lib/namestead', '--user', 'nobody']
  const { exit, err } = await type(cwd, argv)
  if (process.getuid?.() !== 0) {
    t.equal(exit, 2)
    t.match(err, /needs root/)
    return
  }
  const uid = Number(execFileSync('id', ['-u', 'nobody']))
  for (const path of ['keys', 'keys/externaldns.key', 'zones', 'namestead.yaml'])
    t.equal(statSync(join(cwd, path)).uid, uid, path)
  const { config } = loadConfig(join(cwd, 'namestead.yaml'))
  t.match(config, { user: 'nobody', data_dir: '/var/lib/namestead' })
  const unknown = await type(cwd, ['init', 'b', '--domain', 'a.example', '--user', 'no-such-account'])
  t.match(unknown, { exit: 2, err: /there is no account "no-such-account"/ })
})
