import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { configText, Daemon } from './daemon.ts'
import { goClient } from './go-client.ts'
import { run } from './tools.ts'

const client = goClient('scep-go')

t.test(
  'the SCEP libraries of micromdm and smallstep enrol and renew at a running daemon',
  { skip: client.skip },
  async t => {
    t.equal(await client.build(), '')
    const daemon = await Daemon.start(t, { config: ports => `${configText(ports)}  scep: {}\n` })
    const name = 'r1.internal.example.com'
    const made = await daemon.cli('ca', 'enrolment', 'create', 'routers', '--names', name, '--json')
    t.equal(made.status, 0, made.stderr)
    const { id, secret } = JSON.parse(made.stdout)
    const url = `http://127.0.0.1:${daemon.ports.http}/scep`
    const ran = await run(client.binary, [url, name, secret, 'a'.repeat(32)])
    t.equal(ran.status, 0, ran.stderr)
    const all = ran.stdout.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g)!.map(pem => new X509Certificate(pem))
    const [first, next, ra, issuer] = all
    for (const one of [first!, next!, ra!]) t.ok(one.verify(issuer!.publicKey), one.subject)
    t.equal(next!.subjectAltName, `DNS:${name}`)
    const { stdout } = await daemon.cli('ca', 'list', '--name', name, '--json')
    t.same(
      JSON.parse(stdout)
        .map(({ serial }: { serial: string }) => serial)
        .sort(),
      [first!, next!].map(({ serialNumber }) => serialNumber.toLowerCase().padStart(32, '0')).sort(),
    )
    t.match(JSON.parse((await daemon.cli('ca', 'enrolment', 'list', '--json')).stdout), [{ id, used: 1, uses: 1 }])
    const log = JSON.stringify(daemon.lines) + daemon.stderr
    t.notOk(log.includes(secret), 'the secret is in no log')
    t.match(log, /refused by SCEP/)
  },
)
