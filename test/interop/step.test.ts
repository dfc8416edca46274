import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { configText, Daemon } from './daemon.ts'
import { run, without } from './tools.ts'

const STEP = resolve('.cache', 'step')
const VERSION = 'v0.30.2'

/** Built once from the Go module proxy; kept in .cache. */
async function buildStep(): Promise<string> {
  if (existsSync(STEP)) return ''
  mkdirSync('.cache', { recursive: true })
  const where = { env: { GOBIN: resolve('.cache') }, timeout: 900_000 }
  const built = await run('go', ['install', `github.com/smallstep/cli/cmd/step@${VERSION}`], where)
  return built.status === 0 ? '' : built.stderr
}

t.setTimeout(960_000)

const profile = '{ name: default, validity: 90d, usages: [server, client], renewable: true }'

t.test(
  'step bootstraps, renews and rekeys by the certificate that it has',
  { skip: existsSync(STEP) ? without('openssl') : without('go', 'openssl') },
  async t => {
    t.equal(await buildStep(), '')
    const config = (ports: Parameters<typeof configText>[0]) =>
      configText(ports).replace('{ name: default, validity: 90d }', profile)
    const daemon = await Daemon.start(t, { config })
    const root = await daemon.rootFile()
    const { fingerprint256 } = new X509Certificate(readFileSync(root))
    const step = (...args: string[]) =>
      run(STEP, args, { env: { STEPPATH: join(daemon.folder, 'step'), HOME: daemon.folder } })
    const done = async (what: string, ...args: string[]) => {
      const { status, stderr, stdout } = await step(...args)
      t.equal(status, 0, `${what}: ${stderr}`)
      return stdout
    }
    const fingerprint = fingerprint256.replaceAll(':', '').toLowerCase()
    await done('bootstrap', 'ca', 'bootstrap', '--ca-url', daemon.url(''), '--fingerprint', fingerprint)
    t.equal(await done('health', 'ca', 'health'), 'ok\n')
    t.match(JSON.parse(await done('provisioners', 'ca', 'provisioner', 'list')), [{ type: 'ACME', name: 'acme' }])

    const issued = await daemon.cli('ca', 'issue', 'app.internal.example.com', '--out', daemon.folder)
    t.equal(issued.status, 0, issued.stderr)
    const [certificate, key] = ['crt', 'key'].map(end => join(daemon.folder, `app.internal.example.com.${end}`))
    const read = () => new X509Certificate(readFileSync(certificate!))
    const first = read()
    await done('renew', 'ca', 'renew', '--force', certificate!, key!)
    const second = read()
    t.not(second.serialNumber, first.serialNumber)
    t.equal(second.subjectAltName, first.subjectAltName)
    t.ok(second.publicKey.equals(first.publicKey))
    await done('rekey', 'ca', 'rekey', '--force', certificate!, key!)
    const third = read()
    t.equal(third.subjectAltName, first.subjectAltName)
    t.notOk(third.publicKey.equals(first.publicKey))
    await done('verify', 'certificate', 'verify', certificate!, '--roots', root)

    const asked = await run('openssl', ['s_client', '-connect', `127.0.0.1:${daemon.ports.https}`, '-CAfile', root])
    t.match(
      asked.stdout,
      /Acceptable client certificate CA names\nO = Interop, CN = Interop Root CA\nO = Interop, CN = /,
    )

    const revoked = await daemon.cli('ca', 'revoke', certificate!)
    t.equal(revoked.status, 0, revoked.stderr)
    const refused = await step('ca', 'renew', '--force', certificate!, key!)
    t.not(refused.status, 0)
    t.match(refused.stderr, /revoked/)
    const { stdout } = await daemon.cli('ca', 'list', '--name', 'app.internal.example.com', '--all', '--json')
    t.equal(JSON.parse(stdout).length, 3)
  },
)
