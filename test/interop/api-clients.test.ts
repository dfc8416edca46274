import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { Daemon, SECRETS } from './daemon.ts'
import { dig, run, without } from './tools.ts'

const CACHE = resolve('.cache')
const EXTERNALDNS = join(CACHE, 'externaldns')
const OCTODNS = join(CACHE, 'octodns')
const ZONE = 'internal.example.com'

/** Each is built once, from the Go module proxy or PyPI, and kept in .cache. */
async function build(made: string, steps: readonly (readonly [string, ...string[]])[], cwd = '.'): Promise<string> {
  if (existsSync(made)) return ''
  mkdirSync(CACHE, { recursive: true })
  for (const [program, ...args] of steps) {
    const { status, stderr } = await run(program, args, { cwd, timeout: 600_000 })
    if (status !== 0) return stderr
  }
  return ''
}

t.setTimeout(900_000)
t.test('clients of the HTTP API', async t => {
  const daemon = await Daemon.start(t)
  const root = await daemon.rootFile()
  const made = await daemon.cli(
    'token',
    'create',
    '--name',
    'clients',
    '--zones',
    `${ZONE},octo.example`,
    '--role',
    'admin',
    '--json',
  )
  t.equal(made.status, 0, made.stderr)
  const { token } = JSON.parse(made.stdout) as { token: string }

  t.test('lego orders a certificate by its provider pdns', { skip: without('lego') }, async t => {
    const args = [
      '--accept-tos',
      '--email',
      `a@${ZONE}`,
      '--server',
      daemon.url('/acme/directory'),
      '--path',
      join(daemon.folder, 'lego'),
    ]
    const dns = ['--dns', 'pdns', '--dns.resolvers', `127.0.0.1:${daemon.ports.dns}`, '--dns.disable-cp']
    const env = { LEGO_CA_CERTIFICATES: root, SSL_CERT_FILE: root, PDNS_API_URL: daemon.url(''), PDNS_API_KEY: token }
    const { status, stderr } = await run('lego', [...args, ...dns, '-d', `p.${ZONE}`, 'run'], { env })
    t.equal(status, 0, stderr)
    t.ok(existsSync(join(daemon.folder, 'lego', 'certificates', `p.${ZONE}.crt`)))
    const history = await daemon.cli('zone', 'history', ZONE, '--view', 'inside', '--json')
    t.match(JSON.parse(history.stdout)[0], { key: 'token:clients' })
  })

  t.test(
    "ExternalDNS' own providers create, update and delete",
    { skip: existsSync(EXTERNALDNS) ? false : without('go') },
    async t => {
      t.equal(
        await build(EXTERNALDNS, [['go', 'build', '-o', EXTERNALDNS, '.']], join('test', 'interop', 'externaldns')),
        '',
      )
      const shared = { DomainFilter: [ZONE], TLSCA: root }
      const webhook = daemon.url('/externaldns/inside').replace('https://', `https://externaldns:${token}@`)
      const configs: { Provider: string; [key: string]: unknown }[] = [
        { Provider: 'pdns', PDNSServer: daemon.url(''), PDNSServerID: 'inside', PDNSAPIKey: token },
        { Provider: 'webhook', WebhookProviderURL: webhook },
        {
          ...{
            Provider: 'rfc2136',
            RFC2136Host: ['127.0.0.1'],
            RFC2136Port: daemon.ports.dns,
            RFC2136Zone: [ZONE],
            RFC2136AXFR: true,
          },
          ...{
            RFC2136TSIGKeyName: 'externaldns',
            RFC2136TSIGSecret: SECRETS.externaldns,
            RFC2136TSIGSecretAlg: 'hmac-sha256',
          },
        },
      ]
      const text = 'TXT 60 heritage=external-dns,external-dns/owner=interop'
      for (const config of configs) {
        const { status, stdout, stderr } = await run(EXTERNALDNS, [JSON.stringify({ ...shared, ...config })], {
          env: { SSL_CERT_FILE: root },
        })
        t.equal(status, 0, stderr)
        t.strictSame(
          // One of them gives texts back without their quotes.
          stdout.trim().replaceAll('"', '').split('\n'),
          [`created [A 60 192.0.2.10 ${text}]`, `updated [A 60 192.0.2.11 ${text}]`, 'deleted []'],
          config.Provider,
        )
      }
    },
  )

  t.test(
    'octoDNS makes a zone, changes it, and finds nothing more to do',
    { skip: existsSync(OCTODNS) ? false : without('python3') },
    async t => {
      const pip = join(OCTODNS, 'bin', 'pip')
      const packages = ['octodns==1.22.0', 'octodns-powerdns==1.2.0']
      t.equal(
        await build(OCTODNS, [
          ['/usr/bin/python3', '-m', 'venv', OCTODNS],
          [pip, 'install', '-q', ...packages],
        ]),
        '',
      )
      const config = join(daemon.folder, 'octodns.yaml')
      const sync = async (records: string) => {
        writeFileSync(join(daemon.folder, 'octo.example.yaml'), records)
        return run(join(OCTODNS, 'bin', 'octodns-sync'), ['--config-file', config, '--doit', '--force'], {
          env: { REQUESTS_CA_BUNDLE: root },
        })
      }
      writeFileSync(
        config,
        `providers:
  config: { class: octodns.provider.yaml.YamlProvider, directory: ${daemon.folder}, default_ttl: 300, enforce_order: false }
  ours: { class: octodns_powerdns.PowerDnsProvider, host: localhost, port: ${daemon.ports.https}, api_key: "${token}", scheme: https, ssl_verify: ${root}, server_id: inside }
zones:
  octo.example.: { sources: [config], targets: [ours] }
`,
      )
      const records = `"": [{ type: NS, values: [ns1.example.com.] }, { type: MX, values: [{ preference: 10, exchange: mail.octo.example. }] }]
www: [{ type: A, values: [192.0.2.1, 192.0.2.2] }, { type: TXT, value: "v=1\\\\; two" }]
mail: { type: AAAA, value: "2001:db8::1" }
`
      const ask = (name: string, type: string) => dig(daemon.ports.dns, `${name}octo.example`, type)
      const first = await sync(records)
      t.equal(first.status, 0, first.stderr)
      t.strictSame(await ask('www.', 'A'), ['192.0.2.1', '192.0.2.2'])
      t.strictSame(await ask('', 'MX'), ['10 mail.octo.example.'])
      const again = await sync(records)
      t.match(again.stderr + again.stdout, /No changes were planned/)
      const changed = await sync(records.replace('[192.0.2.1, 192.0.2.2]', '[192.0.2.3]').replace(/^mail:.*\n/m, ''))
      t.equal(changed.status, 0, changed.stderr)
      t.strictSame(await ask('www.', 'A'), ['192.0.2.3'])
      t.strictSame(await ask('mail.', 'AAAA'), [])
    },
  )
})
