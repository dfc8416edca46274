import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { configText, Daemon } from './daemon.ts'
import { goClient } from './go-client.ts'
import { run } from './tools.ts'

const client = goClient('spire-go')
const SECRET_ID = 'the-secret-of-spire'
const VAULT = `  vault:
    intermediates: [{ name: spire, trust_domain: mesh.example.test, validity: 10d }]
    auth: { approle: [{ role_id: spire, secret_id: ${SECRET_ID}, roles: [spire] }] }
`

t.test(
  "SPIRE's upstream authority plugin for Vault has its CA certified by a running daemon, for its trust domain alone",
  { skip: client.skip },
  async t => {
    t.equal(await client.build(), '')
    const daemon = await Daemon.start(t, { config: ports => configText(ports) + VAULT })
    const root = await daemon.rootFile()
    const ran = await run(client.binary, [daemon.url(''), root, 'mesh.example.test', SECRET_ID])
    t.equal(ran.status, 0, ran.stderr)
    const pems = ran.stdout.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []
    const [own, ...above] = pems.map(pem => new X509Certificate(pem))
    t.ok(own!.ca)
    t.equal(own!.subjectAltName, 'URI:spiffe://mesh.example.test')
    t.ok(own!.verify(above.at(-1)!.publicKey))
    t.ok(Date.parse(own!.validTo) - Date.now() <= 3_600_000, 'for as long as it was asked for')
  },
)
