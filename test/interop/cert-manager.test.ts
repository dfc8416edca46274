import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { configText, Daemon, SECRETS } from './daemon.ts'
import { goClient } from './go-client.ts'
import { run } from './tools.ts'

const client = goClient('cert-manager-go')
const SECRET_ID = 'the-secret-of-cert-manager'
const VAULT = `  vault:
    roles: [{ name: web, names: ["**.apps.internal.example.com"] }]
    auth: { approle: [{ role_id: certmanager, secret_id: ${SECRET_ID}, roles: [web] }] }
`

t.test(
  "cert-manager's RFC 2136 solver, ACME client and Vault issuer have certificates of a running daemon",
  { skip: client.skip },
  async t => {
    t.equal(await client.build(), '')
    const daemon = await Daemon.start(t, { config: ports => configText(ports) + VAULT })
    const root = await daemon.rootFile()
    const server = `127.0.0.1:${daemon.ports.dns}`
    const ran = await run(client.binary, [daemon.url(''), root, server, SECRETS.certmanager, SECRET_ID])
    t.equal(ran.status, 0, ran.stderr)
    const all = (ran.stdout.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []).map(
      pem => new X509Certificate(pem),
    )
    const leaves = all.filter(one => !one.ca)
    const issuer = all.find(one => one.ca)!
    t.equal(leaves.length, 2, 'one by ACME, one by Vault')
    for (const leaf of leaves) {
      t.equal(leaf.subjectAltName, 'DNS:www.apps.internal.example.com')
      t.ok(leaf.verify(issuer.publicKey))
    }
    const txt = await run('dig', [
      '@127.0.0.1',
      '-p',
      String(daemon.ports.dns),
      '+short',
      '_acme-challenge.www.apps.internal.example.com',
      'TXT',
    ])
    t.equal(txt.stdout, '', 'the solver has cleaned up')
    t.notOk((JSON.stringify(daemon.lines) + daemon.stderr).includes(SECRET_ID), 'the secret is in no log')
  },
)
