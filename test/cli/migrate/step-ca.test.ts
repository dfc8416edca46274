import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../config/load.ts'
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
    issuers: [{ name: 'acme' }],
    profiles: [{ name: 'default', validity: 720 * 3_600_000 }],
  })
  t.equal(config!.ca!.root.certificate, readFileSync(join(folder, 'certs', 'root_ca.crt'), 'utf8'))
  for (const what of [/admin \(JWK\)/, /sshpop \(SSHPOP\): SSH certificates are out of scope/, /the database/])
    t.ok(
      lost.some(line => what.test(line)),
      String(what),
    )
})

t.test('another directory is told so', async t => {
  t.match(await type(scratchFolder(t), ['migrate', 'step-ca', '.']), { exit: 2, err: /ca\.json/ })
})
