import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { playDaemon, put, type } from './session.ts'

const TAKEN = { subject: 'Intermediate', serial: '01', sha256: 'AB', not_before: '', not_after: '2030-01-01T00:00:00Z' }

t.test('ca import hands on PEM as it is, and a PKCS#12 file with its passphrase', async t => {
  const { cwd, asked } = await playDaemon(t, { 'ca.import': () => TAKEN })
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  put(cwd, 'int.crt', pem)
  put(cwd, 'pass', 'from a file\n')
  writeFileSync(join(cwd, 'int.p12'), Uint8Array.of(0x30, 0x80, 0xff))
  const pkcs12 = 'MID/'
  const cases: [argv: string[], answers: string[] | undefined, env: Record<string, string>, sent: object][] = [
    [['int.crt'], undefined, {}, { certificate: pem }],
    [['int.p12', '--passphrase-file', 'pass'], undefined, {}, { pkcs12, passphrase: 'from a file' }],
    [['int.p12'], undefined, { NAMESTEAD_PKCS12_PASSPHRASE: 'from env' }, { pkcs12, passphrase: 'from env' }],
    [['int.p12', '--issuer', 'b'], ['typed'], {}, { issuer: 'b', pkcs12, passphrase: 'typed' }],
  ]
  for (const [argv, answers, env, sent] of cases) {
    const { exit, out, err } = await type(cwd, ['ca', 'import', ...argv], answers, env)
    t.equal(exit, 0, err)
    t.match(out, /Intermediate, until 2030-01-01/)
    t.strictSame(asked.pop(), ['ca.import', sent])
  }
  const { exit, err } = await type(cwd, ['ca', 'import', 'int.p12'])
  t.equal(exit, 2)
  t.match(err, /int\.p12 is not PEM: give the passphrase of a PKCS#12 file by --passphrase-file/)
  t.strictSame(asked, [])
  t.match(await type(cwd, ['ca', 'import', 'none']), { exit: 2, err: /none: there is no such file/ })
})
