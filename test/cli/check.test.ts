import t from 'tap'
import { scratch, type } from './session.ts'

const CONFIG = `listen: { dns: ["127.0.0.1:0"] }
views:
  - name: v
    zones:
      - { name: a.example, file: a.zone }
      - { name: b.example, file: b.zone }
`
const ZONE = '$TTL 60\n@ SOA ns1 h 1 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n'

t.test('a sound config', async t => {
  const cwd = scratch(t, { 'namestead.yaml': CONFIG, 'a.zone': ZONE, 'b.zone': ZONE })
  t.strictSame(await type(cwd, ['check']), { exit: 0, out: `${cwd}/namestead.yaml: ok\n`, err: '' })
})

t.test('warnings do not fail it', async t => {
  const cwd = scratch(t, { 'namestead.yaml': CONFIG, 'a.zone': `${ZONE}@ NS ns2`, 'b.zone': ZONE })
  t.strictSame(await type(cwd, ['check']), {
    exit: 0,
    out: `${cwd}/namestead.yaml: ok, 1 warning\n`,
    err: `warning: ${cwd}/a.zone:3:1: a.example. has the NS target ns2.a.example., which has no address\n`,
  })
})

t.test('every error of config and zone files', async t => {
  const cwd = scratch(t, { 'namestead.yaml': CONFIG, 'a.zone': `${ZONE}x A 1.2.3\ny A 1.2.4\n` })
  const { exit, out, err } = await type(cwd, ['check'])
  t.equal(exit, 2)
  t.equal(out, '')
  const lines = err.trimEnd().split('\n')
  t.match(lines[0], `${cwd}/a.zone:5:5: `)
  t.match(lines[1], `${cwd}/a.zone:6:5: `)
  t.equal(lines[2], `${cwd}/namestead.yaml:6:34: ${cwd}/b.zone can't be read: there is no such file`)
})

t.test('as JSON', async t => {
  const cwd = scratch(t, { 'namestead.yaml': 'nmae: x' })
  const { exit, out, err } = await type(cwd, ['check', '--json'])
  t.equal(exit, 2)
  t.equal(err, '')
  t.strictSame(JSON.parse(out).errors, [
    { file: `${cwd}/namestead.yaml`, line: 1, column: 1, message: 'unknown key "nmae", did you mean "name"?' },
  ])
})

t.test('a certificate that is none', async t => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  const cwd = scratch(t, {
    'namestead.yaml': `${CONFIG}tls: { certificate: a.pem, key: a.pem }`,
    'a.pem': pem,
    'a.zone': ZONE,
    'b.zone': ZONE,
  })
  const { exit, err } = await type(cwd, ['check'])
  t.equal(exit, 2)
  t.match(err, `${cwd}/namestead.yaml:7:6: the certificate of tls or its key can't be read`)
})
