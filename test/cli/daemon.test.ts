import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse as parseYaml } from 'yaml'
import type { Replies } from '../../cli/replies.ts'
import { CommandError } from '../../server/control/control.ts'
import { playDaemon, put, type } from './session.ts'

const STATUS: Replies['status'] = {
  version: '1.2.3',
  pid: 42,
  started: '2026-01-02T03:04:05Z',
  ready: true,
  config: '/etc/namestead/namestead.yaml',
  listen: { dns: ['127.0.0.1:53'], https: ['127.0.0.1:443', '[::1]:443'] },
  workers: 2,
  zones: 3,
  upstreams: [
    {
      ...{ view: 'inside', zone: '.', upstream: '10.0.0.1', state: 'down', reason: 'no answer' },
      ...{ round_trip: 40, outstanding: 0, asked: 3, unanswered: 3 },
    },
  ],
  ca: { directory: 'https://ca.example/acme/directory', root_sha256: 'AA:BB' },
}

t.test('status', async t => {
  const { cwd } = await playDaemon(t, { status: () => STATUS })
  t.strictSame(await type(cwd, ['status']), {
    exit: 0,
    err: '',
    out: `version:  1.2.3
state:    ready
process:  42, since 2026-01-02T03:04:05Z
config:   /etc/namestead/namestead.yaml
dns:      127.0.0.1:53
https:    127.0.0.1:443, [::1]:443
workers:  2
zones:    3
upstream: 10.0.0.1 for . in inside: down (40 ms, no answer)
acme:     https://ca.example/acme/directory
root:     SHA-256 AA:BB
`,
  })
  t.strictSame(JSON.parse((await type(cwd, ['status', '--json'])).out), STATUS)
})

t.test('reload', async t => {
  const reply = { changed: ['zone a.example. in inside'], restart: ['listen', 'workers'], warnings: ['x.yaml:1:1: hm'] }
  const { cwd } = await playDaemon(t, { reload: () => reply })
  t.strictSame(await type(cwd, ['reload']), {
    exit: 0,
    out: 'reloaded; changed: zone a.example. in inside\n',
    err: 'warning: x.yaml:1:1: hm\nrestart the daemon for listen, workers to take effect\n',
  })
})

t.test('what the daemon refuses is shown as it stands, with its exit code', async t => {
  const { cwd } = await playDaemon(t, {
    reload: () => {
      throw new CommandError(['x.yaml:1:1: a', 'x.yaml:2:1: b'], 2)
    },
    stop: () => {
      throw new CommandError('not now')
    },
  })
  t.strictSame(await type(cwd, ['reload']), { exit: 2, out: '', err: 'x.yaml:1:1: a\nx.yaml:2:1: b\n' })
  t.strictSame(await type(cwd, ['stop']), { exit: 1, out: '', err: 'not now\n' })
  t.strictSame((await type(cwd, ['status'])).exit, 2, 'a daemon that is older knows fewer commands')
})

t.test('stop', async t => {
  const { cwd } = await playDaemon(t, { stop: () => null })
  t.strictSame(await type(cwd, ['stop']), { exit: 0, out: 'stopping\n', err: '' })
})

const ZONE = { view: 'inside', zone: 'a.example.', type: 'primary', dynamic: true, serial: 7, records: 12 } as const

t.test('zone list and show', async t => {
  const details = { ...ZONE, update_keys: ['k.'], transfer_keys: [], file: '/z/a.zone' }
  const { cwd, asked } = await playDaemon(t, { 'zone.list': () => [ZONE], 'zone.show': () => details })
  t.equal(
    (await type(cwd, ['zone', 'list'])).out,
    `ZONE        VIEW    TYPE              SERIAL  RECORDS
a.example.  inside  primary, dynamic  7       12
`,
  )
  t.equal(
    (await type(cwd, ['zone', 'show', 'a.example', '--view', 'inside'])).out,
    `zone:      a.example.
view:      inside
type:      primary, dynamic
serial:    7
records:   12
file:      /z/a.zone
updates:   k.
transfers: nobody
`,
  )
  t.strictSame(asked[1], ['zone.show', { zone: 'a.example', view: 'inside' }])
  t.equal((await type(cwd, ['zone', 'show', 'a..b'])).exit, 2)
})

t.test('zone export prints the file and nothing else', async t => {
  const text = '$ORIGIN a.example.\n@\t60\tIN\tTXT\t"x"\n'
  const { cwd } = await playDaemon(t, { 'zone.export': () => ({ zone: 'a.example.', view: 'v', serial: 1, text }) })
  t.strictSame(await type(cwd, ['zone', 'export', 'a.example']), { exit: 0, out: text, err: '' })
})

const MASTER = '$TTL 60\n@ SOA ns1 h 1 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n$INCLUDE more\n'

t.test('zone export notes owners on request', async t => {
  const { cwd, asked } = await playDaemon(t, {
    'zone.export': () => ({ zone: 'a.example.', view: 'v', serial: 1, text: 'x' }),
  })
  await type(cwd, ['zone', 'export', 'a.example', '--owners'])
  t.strictSame(asked, [['zone.export', { zone: 'a.example', owners: true }]])
})

t.test('the history is told who is at the keyboard', async t => {
  const done = () => ({ zone: 'a.example.', view: 'v', serial: 8, added: 2, deleted: 1 })
  const { cwd, asked } = await playDaemon(t, { 'zone.revert': done })
  await type(cwd, ['zone', 'revert', 'a.example', '--to', '7'], [], { USER: 'root', SUDO_USER: 'ada' })
  await type(cwd, ['zone', 'revert', 'a.example', '--to', '7'], [], {})
  t.strictSame(asked, [
    ['zone.revert', { zone: 'a.example', to: 7, source: 'ada' }],
    ['zone.revert', { zone: 'a.example', to: 7 }],
  ])
})

t.test('zone import sends what the file comes to, with what it includes', async t => {
  const { cwd, asked } = await playDaemon(t, {
    'zone.import': () => ({ zone: 'a.example.', view: 'v', serial: 8, added: 2, deleted: 1 }),
  })
  put(cwd, 'a.zone', MASTER)
  put(cwd, 'more', 'www A 192.0.2.2\n')
  t.strictSame(await type(cwd, ['zone', 'import', 'a.example', 'a.zone']), {
    exit: 0,
    out: 'a.example. in v: 2 records added, 1 deleted, serial 8\n',
    err: '',
  })
  const [, args] = asked[0]!
  t.match(args, { zone: 'a.example', file: join(cwd, 'a.zone'), text: /www\t60\tIN\tA\t192\.0\.2\.2/ })
})

t.test('a file that makes no zone is never sent', async t => {
  const { cwd, asked } = await playDaemon(t, {})
  put(cwd, 'a.zone', 'www A 1.2.3\n')
  const { exit, err } = await type(cwd, ['zone', 'import', 'a.example', 'a.zone'])
  t.equal(exit, 2)
  t.match(err, `${cwd}/a.zone:1:`)
  t.strictSame(asked, [])
})

t.test('zone check', async t => {
  const cwd = t.testdir({ 'a.zone': MASTER, more: 'www A 192.0.2.2\n', bad: '@ SOA\n' })
  t.strictSame(await type(cwd, ['zone', 'check', 'a.example', 'a.zone']), {
    exit: 0,
    out: 'a.zone: ok, 4 records\n',
    err: '',
  })
  const bad = await type(cwd, ['zone', 'check', 'a.example', 'bad', '--json'])
  t.equal(bad.exit, 2)
  t.match(JSON.parse(bad.out), { records: 0, errors: [{ file: join(cwd, 'bad'), line: 1 }] })
  t.equal((await type(cwd, ['zone', 'check', 'a.example', 'nowhere'])).exit, 2)
})

t.test('explain', async t => {
  const { cwd, asked } = await playDaemon(t, {
    explain: () => ({
      name: 'www.a.example.',
      type: 'A',
      verdict: { finding: 'fine', text: '192.0.2.1' },
      view: 'inside',
      because: 'client 10.0.0.1 is in its clients',
      source: 'zone a.example.',
      rcode: 'NOERROR',
      answer: ['www.a.example.\t60\tIN\tA\t192.0.2.1'],
      steps: ['a.example. (serial 7): www.a.example.'],
      notes: ['the zone is signed here'],
      zone: { name: 'a.example.', kind: 'primary', serial: 7 },
      owner: 'externaldns.',
      changed: { at: '2026-01-01T00:00:00.000Z', by: 'key externaldns. from 10.0.0.1', serial: 6 },
      elsewhere: [
        { view: 'outside', rcode: 'NXDOMAIN', answer: [], same: false },
        { view: 'lab', rcode: 'NOERROR', answer: ['www.a.example.\t60\tIN\tA\t192.0.2.1'], same: true },
      ],
    }),
  })
  const { out } = await type(cwd, ['explain', 'www.a.example', 'A', '--from', '10.0.0.1', '--key', 'k'])
  t.equal(
    out,
    `www.a.example. A: 192.0.2.1
├─ view    inside (client 10.0.0.1 is in its clients)
├─ source  zone a.example.
├─ zone    primary, serial 7
├─ step    a.example. (serial 7): www.a.example.
├─ note    the zone is signed here
├─ owner   externaldns.
├─ changed 2026-01-01T00:00:00.000Z by key externaldns. from 10.0.0.1, serial 6
├─ others  view outside: NXDOMAIN
├─ others  view lab: the same
└─ NOERROR
   www.a.example.\t60\tIN\tA\t192.0.2.1
`,
  )
  t.strictSame(asked[0], ['explain', { name: 'www.a.example', type: 'A', from: '10.0.0.1', port: '443', key: 'k' }])
  for (const argv of [['a..b'], ['a.b', 'NOPE'], ['a.b', 'A', '--from', 'here']])
    t.equal((await type(cwd, ['explain', ...argv])).exit, 2, argv.join(' '))
})

t.test('ca issue keeps the key for its owner alone, and overwrites nothing', async t => {
  const issued = { serial: 'ab', not_after: '2026-04-01T00:00:00Z', certificate: 'CHAIN\n', key: 'KEY\n' }
  const { cwd, asked } = await playDaemon(t, { 'ca.issue': () => issued })
  t.equal((await type(cwd, ['ca', 'issue', 'a.example', 'b.example', '--profile', 'short'])).out, 'CHAIN\nKEY\n')
  t.strictSame(asked[0], ['ca.issue', { names: ['a.example', 'b.example'], profile: 'short' }])
  const saved = await type(cwd, ['ca', 'issue', '*.a.example', '--out', '.'])
  t.match(saved.out, 'serial ab, valid until 2026-04-01T00:00:00Z')
  t.equal(readFileSync(join(cwd, '_.a.example.key'), 'utf8'), 'KEY\n')
  t.equal(statSync(join(cwd, '_.a.example.key')).mode & 0o777, 0o600)
  const again = await type(cwd, ['ca', 'issue', '*.a.example', '--out', '.'])
  t.strictSame([again.exit, again.err], [1, `${cwd}/_.a.example.key: it exists already and is not overwritten\n`])
  t.equal(asked.length, 2, 'nothing is issued that could not be kept')
  t.equal((await type(cwd, ['ca', 'issue', 'a.example', '--out', 'new/folder'])).exit, 0)
  t.equal(readFileSync(join(cwd, 'new/folder/a.example.crt'), 'utf8'), 'CHAIN\n')
})

t.test('ca sign and revoke', async t => {
  const { cwd, asked } = await playDaemon(t, {
    'ca.sign': () => ({ serial: 'ab', not_after: '2026-04-01T00:00:00Z', certificate: 'CHAIN\n' }),
    'ca.revoke': () => ({ serial: 'ab', revoked_at: '2026-01-01T00:00:00Z', reason: 'keyCompromise' }),
  })
  put(cwd, 'a.csr', 'CSR')
  t.equal((await type(cwd, ['ca', 'sign', 'a.csr'])).out, 'CHAIN\n')
  t.strictSame(asked[0], ['ca.sign', { csr: 'CSR' }])
  t.equal((await type(cwd, ['ca', 'sign', 'nowhere'])).exit, 2)
  t.equal(
    (await type(cwd, ['ca', 'revoke', 'AB:CD', '--reason', 'keyCompromise'])).out,
    'ab revoked at 2026-01-01T00:00:00Z (keyCompromise)\n',
  )
  t.strictSame(asked[1], ['ca.revoke', { serial: 'abcd', reason: 'keyCompromise' }])
  await type(cwd, ['ca', 'revoke', 'a.csr'])
  t.strictSame(asked[2], ['ca.revoke', { certificate: 'CSR', reason: 'unspecified' }])
})

t.test('ca list', async t => {
  const { cwd, asked } = await playDaemon(t, {
    'ca.list': () => [
      {
        serial: 'ab',
        names: ['a.example', '*.a.example'],
        profile: 'default',
        not_before: '',
        not_after: '2026',
        status: 'valid',
      },
    ],
  })
  t.equal(
    (await type(cwd, ['ca', 'list', '--all'])).out,
    'SERIAL  STATUS  UNTIL  PROFILE  NAMES\nab      valid   2026   default  a.example *.a.example\n',
  )
  t.strictSame(asked[0], ['ca.list', { all: true }])
})

t.test('ca roots in every format, as their readers read them', async t => {
  const scratch = t.testdir()
  const pem = join(scratch, 'root.pem')
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-384',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-out',
      pem,
      '-subj',
      '/CN=Root',
      '-days',
      '30',
    ],
    { stdio: 'ignore' },
  )
  const certificate = readFileSync(pem, 'utf8')
  const sha256 = execFileSync('openssl', ['x509', '-in', pem, '-noout', '-fingerprint', '-sha256'], {
    encoding: 'utf8',
  })
  const fingerprint = sha256.trim().split('=')[1]!
  const { cwd } = await playDaemon(t, {
    'ca.roots': () => [{ subject: 'Root', sha256: fingerprint, not_after: '2036-01-01T00:00:00Z', certificate }],
  })
  t.equal((await type(cwd, ['ca', 'roots'])).out, certificate)
  for (const format of ['der', 'p12', 'jks']) {
    const { exit, out } = await type(cwd, ['ca', 'roots', '--format', format])
    t.equal(exit, 0)
    t.equal(out, `roots.${format}: Root, SHA-256 ${fingerprint}\n`)
    t.ok(existsSync(join(cwd, `roots.${format}`)))
  }
  const der = execFileSync('openssl', ['x509', '-inform', 'der', '-in', join(cwd, 'roots.der'), '-noout', '-subject'])
  t.match(String(der), 'Root')
  const p12 = execFileSync('openssl', ['pkcs12', '-in', join(cwd, 'roots.p12'), '-passin', 'pass:changeit', '-nokeys'])
  t.match(String(p12), 'friendlyName: namestead-root-1')
  t.test('keytool', { skip: isThere('keytool') ? false : 'keytool is not installed' }, async t => {
    for (const format of ['p12', 'jks']) {
      const argv = ['-list', '-keystore', join(cwd, `roots.${format}`), '-storepass', 'changeit']
      const listed = execFileSync('keytool', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      t.match(listed, 'trustedCertEntry', format)
      t.match(listed, fingerprint, format)
    }
  })
  t.equal((await type(cwd, ['ca', 'roots', '--format', 'der', '--out', '-'])).out.charCodeAt(0), 0x30)
  const manifest = parseYaml((await type(cwd, ['ca', 'roots', '--format', 'configmap'])).out)
  t.match(manifest, { kind: 'ConfigMap', data: { 'ca.crt': certificate } }, 'as trust-manager takes it')
})

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

t.test('a secondary zone: shown, refreshed, promoted', async t => {
  const zone = { zone: 'b.example.', view: 'inside' }
  const { cwd, asked } = await playDaemon(t, {
    'zone.show': () => ({
      ...{ ...zone, type: 'secondary', dynamic: false, serial: null, records: 0, update_keys: [], transfer_keys: [] },
      secondary: { primaries: ['192.0.2.1:53'], state: 'expired', checked: '2026-01-01T00:00:00.000Z' },
    }),
    'zone.refresh': () => ({ ...zone, primaries: ['192.0.2.1:53'] }),
    'zone.promote': () => ({ ...zone, serial: 7 }),
  })
  t.match(
    (await type(cwd, ['zone', 'show', 'b.example'])).out,
    /serial: +-\n.*primaries: +192\.0\.2\.1:53\nstate: +expired\nlast checked: +2026-01-01T00:00:00\.000Z\nnext refresh: -\n/s,
  )
  t.match((await type(cwd, ['zone', 'refresh', 'b.example'])).out, 'b.example. in inside: asking 192.0.2.1:53')
  const promoted = await type(cwd, ['zone', 'promote', 'b.example', '--view', 'inside'])
  t.match(promoted.out, /b\.example\. in inside is a primary from now on, serial 7\n.*type: primary/)
  t.same(asked.at(-1), ['zone.promote', { zone: 'b.example', view: 'inside' }])
})
