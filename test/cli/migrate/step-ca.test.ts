import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request } from '../../../cli/control.ts'
import { migrateStepCa } from '../../../cli/migrate/step-ca.ts'
import type { Replies } from '../../../cli/replies.ts'
import { loadConfig } from '../../../config/load.ts'
import type { Config } from '../../../config/schema.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld } from '../../../host/world.ts'
import { startDaemon } from '../../../server/daemon.ts'
import { run, without } from '../../interop/tools.ts'
import { scratchFolder } from '../../scratch.ts'
import { type } from '../session.ts'

/** A directory as `step ca init --acme` lays it out. */
async function stepDirectory(t: Test): Promise<string> {
  const folder = scratchFolder(t)
  for (const name of ['certs', 'config', 'secrets']) mkdirSync(join(folder, name))
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', '/O=Smallstep/CN=Smallstep Root CA', '-days', '3650']
  const extensions = [
    '-addext',
    'basicConstraints=critical,CA:TRUE,pathlen:1',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ]
  const out = ['-keyout', join(folder, 'secrets', 'root_ca_key'), '-out', join(folder, 'certs', 'root_ca.crt')]
  const made = await run('openssl', ['req', '-x509', ...curve, ...subject, ...extensions, ...out])
  t.equal(made.status, 0, made.stderr)
  const elsewhere = '/home/step/.step'
  const config = {
    root: `${elsewhere}/certs/root_ca.crt`,
    crt: `${elsewhere}/certs/intermediate_ca.crt`,
    key: `${elsewhere}/secrets/intermediate_ca_key`,
    address: ':8443',
    dnsNames: ['ca.internal.example.com'],
    db: { type: 'badgerv2' },
    authority: {
      provisioners: [
        { type: 'JWK', name: 'admin', key: {}, encryptedKey: 'x' },
        {
          type: 'ACME',
          name: 'acme',
          challenges: ['dns-01', 'http-01'],
          claims: { defaultTLSCertDuration: '720h0m0s' },
        },
        { type: 'SSHPOP', name: 'sshpop' },
      ],
    },
  }
  writeFileSync(join(folder, 'config', 'ca.json'), JSON.stringify(config))
  return folder
}

/** Starts a daemon that ends with the test; gives its control socket. */
async function startAt(t: Test, config: Config) {
  const owner = { configFile: 'namestead.yaml', reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon({ ...config, workers: 1 }, owner, systemWorld, silentLog)
  t.teardown(() => daemon.stop())
  return <C extends keyof Replies>(command: C, args: object): Promise<Replies[C]> =>
    request(join(config.data_dir, 'control.sock'), command, args as Record<string, unknown>)
}

t.test('the root goes on, and with it the trust of all who have it', { skip: without('openssl') }, async t => {
  const folder = await stepDirectory(t)
  const out = join(folder, 'ours')
  const { exit, out: told, err } = await type(folder, ['migrate', 'step-ca', '.', '--out', out, '--json'])
  t.equal(exit, 0, err)
  const { lost, errors } = JSON.parse(told) as { lost: string[]; errors: string[] }
  t.strictSame(errors, [])
  const { config } = loadConfig(join(out, 'namestead.yaml'))
  t.match(config!.ca, {
    name: 'Smallstep',
    url: 'https://ca.internal.example.com:8443',
    challenges: ['dns-01', 'http-01'],
    issuers: [{ name: 'acme', profiles: [{ name: 'default', validity: 720 * 3_600_000 }] }],
  })
  t.equal(config!.ca!.root.certificate, readFileSync(join(folder, 'certs', 'root_ca.crt'), 'utf8'))
  for (const what of [/admin \(JWK\)/, /sshpop \(SSHPOP\): SSH certificates are out of scope/, /the database/])
    t.ok(
      lost.some(line => what.test(line)),
      String(what),
    )
})

/** As `step ca init` and `step ca provisioner add` (step CLI 0.21.0) have made it, but for the paths; everything in it is encrypted with "passphrase-1". */
const MADE_BY_STEP = fileURLToPath(new URL('../../vectors/step-ca', import.meta.url))

t.test('a directory that step has made: its root signs here, encrypted as it is', async t => {
  const folder = scratchFolder(t)
  writeFileSync(join(folder, 'passphrase'), 'passphrase-1\n')
  const migrate = ['migrate', 'step-ca', MADE_BY_STEP, '--json']
  const { exit, out, err } = await type(folder, [...migrate, '--out', 'ours', '--passphrase-file', 'passphrase'])
  t.equal(exit, 0, err)
  const { lost } = JSON.parse(out) as { lost: string[] }
  t.match(lost, [
    /^provisioner admin@example\.com \(JWK\)/,
    /^provisioner sshpop \(SSHPOP\)/,
    /^the database/,
    /^ca\.issue allows/,
  ])
  const { config, warnings } = loadConfig(join(folder, 'ours', 'namestead.yaml'))
  t.strictSame(warnings, [])
  t.match(config!.ca, {
    ...{ name: 'Acme Corp', url: 'https://ca.internal.example.com:9000', key_passphrase: 'passphrase-1' },
    ...{
      issuers: [{ name: 'acme' }, { name: 'short', profiles: [{ validity: 30 * 60_000 }] }],
      profiles: [{ validity: 24 * 3_600_000 }],
    },
  })
  t.equal(statSync(join(folder, 'ours', 'ca', 'passphrase')).mode & 0o077, 0)

  const daemon = await startAt(t, { ...config!, listen: { ...config!.listen, https: [], http: [] } })
  const { certificate } = await daemon('ca.issue', { names: ['git.internal.example.com'] })
  const [leaf, intermediate] = certificate
    .match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g)!
    .map(one => new X509Certificate(one))
  const root = new X509Certificate(readFileSync(join(MADE_BY_STEP, 'certs', 'root_ca.crt')))
  t.ok(
    leaf!.verify(intermediate!.publicKey) && intermediate!.verify(root.publicKey),
    'whoever trusts the root trusts it',
  )
})

t.test('without the passphrase it is told where to put it', async t => {
  const folder = scratchFolder(t)
  const { exit, out, err } = await type(folder, ['migrate', 'step-ca', MADE_BY_STEP, '--out', 'ours'])
  t.equal(exit, 1)
  t.match(out, /put its passphrase into ca\/passphrase, or say --passphrase-file/)
  t.match(err, /ca\/passphrase can't be read: there is no such file/)
  writeFileSync(join(folder, 'ours', 'ca', 'passphrase'), 'passphrase-1\n', { mode: 0o600 })
  t.match(await type(folder, ['check', '--config', join('ours', 'namestead.yaml')]), { exit: 0 })
})

t.test('durations are read as Go prints them', async t => {
  const validityOf = (duration: string) => {
    const files = {
      exists: () => false,
      read: () => JSON.stringify({ authority: { claims: { defaultTLSCertDuration: duration } } }),
    }
    const { config, lost } = migrateStepCa('/x', files)
    const { profiles } = config['ca'] as { profiles: { validity: string }[] }
    return `${profiles[0]!.validity}${lost.some(line => line.startsWith('defaultTLSCertDuration')) ? '?' : ''}`
  }
  t.strictSame(['720h0m0s', '30m0s', '1h30m0s', '90s', '5s', 'soon'].map(validityOf), [
    '720h',
    '30m',
    '90m',
    '1m',
    '24h?',
    '24h?',
  ])
})

t.test('another directory is told so', async t => {
  t.match(await type(scratchFolder(t), ['migrate', 'step-ca', '.']), { exit: 2, err: /ca\.json/ })
})
