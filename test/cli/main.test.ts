import t from 'tap'
import { createProgram } from '../../cli/main.ts'
import { processTerminal } from '../../cli/terminal.ts'
import { type } from './session.ts'

t.test('the commands that there are', async t => {
  const program = await createProgram(processTerminal())
  const names = program.commands.flatMap(one =>
    one.commands.length > 0 ? one.commands.map(inner => `${one.name()} ${inner.name()}`) : [one.name()],
  )
  t.strictSame(names, [
    'serve',
    'start',
    'init',
    'check',
    'status',
    'top',
    'reload',
    'stop',
    'keygen',
    'keys',
    'zone list',
    'zone show',
    'zone export',
    'zone import',
    'zone dnssec',
    'zone refresh',
    'zone promote',
    'zone check',
    'zone history',
    'zone revert',
    'zone restore',
    'zone diff',
    'ca show',
    'ca roots',
    'ca issue',
    'ca sign',
    'ca revoke',
    'ca list',
    'ca renew-intermediate',
    'ca renew-root',
    'ca import',
    'ca eab',
    'ca enrolment',
    'ca expiring',
    'ca approve',
    'ca log',
    'cache show',
    'cache flush',
    'token create',
    'token list',
    'token revoke',
    'backup',
    'restore',
    'onboard',
    'migrate bind',
    'migrate step-ca',
    'quarantine',
    'selftest',
    'probe',
    'explain',
    'timeline',
    'nta list',
    'nta add',
    'nta remove',
    'completion',
    'man',
  ])
})

t.test('help is asked for and printed, on every command', async t => {
  for (const argv of [[], ['serve'], ['zone'], ['zone', 'export'], ['ca', 'roots'], ['explain']]) {
    const { exit, out, err } = await type('/', [...argv, '--help'])
    t.equal(exit, 0, argv.join(' '))
    t.match(out, `Usage: namestead ${argv.join(' ')}`.trim())
    t.equal(err, '')
  }
})

t.test('a command line that makes no sense is exit 2 and says why', async t => {
  const cases: [string[], string][] = [
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['chek'], 'Did you mean check?'],
    [['zone', 'frobnicate'], "unknown command 'frobnicate'"],
    [['status', '--nope'], "unknown option '--nope'"],
    [['zone', 'export'], "missing required argument 'zone'"],
    [['keygen', 'a', '--algorithm', 'rot13'], 'Allowed choices are hmac-sha256'],
    [['ca', 'roots', '--format', 'gif'], 'Allowed choices are pem, der, p12, jks'],
    [['keygen', 'a', 'b'], 'too many arguments'],
  ]
  for (const [argv, why] of cases) {
    const { exit, out, err } = await type('/', argv)
    t.equal(exit, 2, argv.join(' '))
    t.match(err, why)
    t.equal(out, '')
  }
})

t.test('without a config, and without a daemon', async t => {
  const empty = await type(t.testdir(), ['status'])
  t.equal(empty.exit, 2)
  t.match(empty.err, 'no config file: name one with --config')
  const missing = await type(t.testdir(), ['status', '--config', 'nope.yaml'])
  t.equal(missing.exit, 2)
  t.match(missing.err, /nope\.yaml: there is no such file/)
  const silent = await type(t.testdir({ 'namestead.yaml': '' }), ['status'])
  t.equal(silent.exit, 1)
  t.match(silent.err, /no daemon answers on .*data\/control\.sock: is it running\?/)
})

t.test('the config is named, from the environment, or in a usual place', async t => {
  const cwd = t.testdir({ data: { 'namestead.yaml': 'data_dir: a' }, 'b.yaml': 'data_dir: b', 'c.yaml': 'data_dir: c' })
  t.match((await type(cwd, ['status'])).err, /data\/a\/control\.sock/)
  t.match((await type(cwd, ['status'], undefined, { NAMESTEAD_CONFIG: 'b.yaml' })).err, /b\/control\.sock/)
  t.match(
    (await type(cwd, ['status', '--config', 'c.yaml'], undefined, { NAMESTEAD_CONFIG: 'b.yaml' })).err,
    /c\/control\.sock/,
  )
})
