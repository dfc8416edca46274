import { createSocket } from 'node:dgram'
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import acme from 'acme-client'
import { decode, encode, RECURSION_AVAILABLE } from 'dns-packet'
import t, { type Test } from 'tap'
import { createCa } from '../../ca/ca.ts'
import { CA_MIGRATIONS } from '../../ca/store.ts'
import { Class, Rcode } from '../../dns/codes.ts'
import { type Name, printName } from '../../dns/name.ts'
import { parseRdataText, Type } from '../../dns/types.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import { systemRandom } from '../../host/random.ts'
import { systemNetwork } from '../../host/system-network.ts'
import { openMemoryDatabase } from '../../server/database.ts'
import { createApp, openHttp } from '../../server/http.ts'
import { caConfig } from '../ca/world.ts'
import { scratchFolder } from '../scratch.ts'
import { run, without } from './tools.ts'

/** A CA on loopback HTTPS whose DNS is a file of "NAME VALUE" lines that the clients' hooks write. */
async function serveCa(t: Test, more = '') {
  const folder = scratchFolder(t)
  const listener = await openHttp([{ address: '127.0.0.1', port: 0 }], true)
  const url = `https://localhost:${listener.bound[0]!.port}`
  const records = join(folder, 'records')
  const hook = join(folder, 'hook')
  writeFileSync(records, '')
  // lego calls it with `present NAME VALUE`, certbot with the values in its environment.
  writeFileSync(
    hook,
    `#!/bin/sh
[ "$1" = cleanup ] && exit 0
if [ -n "$CERTBOT_VALIDATION" ]; then set -- present "_acme-challenge.$CERTBOT_DOMAIN." "$CERTBOT_VALIDATION"; fi
echo "$2 $3" >> '${records}'
`,
  )
  chmodSync(hook, 0o755)
  const valuesAt = (owner: string) => {
    const lines = readFileSync(records, 'utf8')
      .trim()
      .split('\n')
      .map(line => line.split(' '))
    return lines.filter(([name]) => name === owner).map(([, value]) => value!)
  }
  const lookup = async (name: Name, type: number) => {
    const values = type === Type.TXT ? valuesAt(printName(name)) : []
    const answer = values.map(value => ({
      owner: name,
      type,
      class: Class.IN,
      ttl: 0,
      rdata: parseRdataText(type, `"${value}"`),
    }))
    return { rcode: Rcode.NOERROR, answer }
  }
  const ca = await createCa({
    config: { ...caConfig(more), url },
    dataDir: folder,
    database: openMemoryDatabase(CA_MIGRATIONS),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    lookup,
    network: systemNetwork,
  })
  listener.useCertificate((await ca.serverCertificate(['localhost']))!)
  const app = createApp(silentLog)
  ca.registerHttps(app)
  await listener.serve(app)
  await ca.start()
  t.teardown(async () => {
    ca.close()
    await listener.close(0)
  })
  const root = join(folder, 'root.pem')
  const roots = (await ca.commands['ca.roots']!({})) as { certificate: string }[]
  writeFileSync(root, roots.map(each => each.certificate).join(''))
  return { ca, directory: `${url}/acme/directory`, folder, hook, records, root, resolver: await serveDns(t, valuesAt) }
}

/** A resolver for lego, which looks at the record itself before it asks the CA to. */
async function serveDns(t: Test, valuesAt: (name: string) => string[]): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { address, port }) => {
    const query = decode(message)
    const [question] = query.questions ?? []
    const values = question?.type === 'TXT' ? valuesAt(`${question.name}.`) : []
    const answers = values.map(data => ({ type: 'TXT' as const, name: question!.name, data }))
    const reply = encode({
      id: query.id ?? 0,
      type: 'response',
      flags: RECURSION_AVAILABLE,
      questions: query.questions ?? [],
      answers,
    })
    socket.send(reply, port, address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

/** Runs lego against it; the hook is its `exec` provider. */
function legoFor({ directory, folder, hook, root, resolver }: Awaited<ReturnType<typeof serveCa>>) {
  const common = ['--accept-tos', '--email', 'ops@example.test', '--server', directory, '--path', join(folder, 'lego')]
  const dns = ['--dns', 'exec', '--dns.disable-cp', '--dns.resolvers', resolver]
  const env = { LEGO_CA_CERTIFICATES: root, EXEC_PATH: hook, EXEC_POLLING_INTERVAL: '1', EXEC_SEQUENCE_INTERVAL: '1' }
  return (...args: string[]) => run('lego', [...common, ...dns, ...NAMES, ...args], { env, timeout: 60_000 })
}

t.setTimeout(180_000)

const NAMES = ['-d', 'www.example.test', '-d', '*.www.example.test']

async function verifies(t: Test, root: string, chain: string) {
  const { stdout, stderr } = await run('openssl', [
    'verify',
    '-x509_strict',
    '-CAfile',
    root,
    '-untrusted',
    chain,
    chain,
  ])
  t.match(stdout, /: OK/, stderr)
}

t.test('lego orders, renews by ARI and revokes', { skip: without('lego', 'openssl') }, async t => {
  const served = await serveCa(t)
  const { folder, root } = served
  const lego = legoFor(served)
  const ran = await lego('run')
  t.equal(ran.status, 0, ran.stderr.slice(-600))
  await verifies(t, root, join(folder, 'lego', 'certificates', 'www.example.test.crt'))
  const renewed = await lego('renew', '--days', '365', '--no-random-sleep')
  t.equal(renewed.status, 0, renewed.stderr.slice(-600))
  const revoked = await lego('revoke')
  t.equal(revoked.status, 0, revoked.stderr.slice(-600))
})

t.test('lego registers with an external account binding', { skip: without('lego') }, async t => {
  const served = await serveCa(t, '  accounts: { external_binding: required }\n')
  const { kid, hmac_key } = (await served.ca.commands['ca.eab.create']!({ name: 'cluster-a' })) as Record<
    string,
    string
  >
  const lego = legoFor(served)
  t.not((await lego('run')).status, 0, 'without a binding it is refused')
  const ran = await lego('--eab', '--kid', kid!, '--hmac', hmac_key!, 'run')
  t.equal(ran.status, 0, ran.stderr.slice(-600))
})

t.test(
  'certbot orders, renews, changes its contact, revokes and deactivates',
  { skip: without('certbot', 'openssl') },
  async t => {
    const { directory, folder, hook, root } = await serveCa(t)
    const certbot = (command: string, ...args: string[]) => {
      const folders = [
        '--config-dir',
        join(folder, 'c'),
        '--work-dir',
        join(folder, 'w'),
        '--logs-dir',
        join(folder, 'l'),
      ]
      const env = { REQUESTS_CA_BUNDLE: root }
      return run('certbot', [command, '-n', '--server', directory, ...folders, ...args], { env, timeout: 60_000 })
    }
    const manual = ['--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', hook, '--agree-tos']
    const ran = await certbot('certonly', ...manual, '--register-unsafely-without-email', ...NAMES)
    t.equal(ran.status, 0, (ran.stderr + ran.stdout).slice(-900))
    const live = join(folder, 'c', 'live', 'www.example.test')
    await verifies(t, root, join(live, 'fullchain.pem'))
    for (const [command, ...args] of [
      ['renew', '--force-renewal', '--no-random-sleep-on-renew'],
      ['update_account', '--email', 'ops@example.test', '--no-eff-email'],
      ['revoke', '--cert-path', join(live, 'cert.pem'), '--reason', 'superseded', '--no-delete-after-revoke'],
      ['unregister'],
    ] as [string, ...string[]][]) {
      const did = await certbot(command, ...args)
      t.equal(did.status, 0, `${command}: ${(did.stderr + did.stdout).slice(-900)}`)
    }
  },
)

t.test('acme-client goes from a new account to a certificate, changes its key and ends it all', async t => {
  const { directory, records, root } = await serveCa(t)
  acme.axios.defaults.httpsAgent = new Agent({ ca: readFileSync(root) })
  const client = new acme.Client({ directoryUrl: directory, accountKey: await acme.crypto.createPrivateEcdsaKey() })
  const [, csr] = await acme.crypto.createCsr({ altNames: ['www.example.test', '*.www.example.test'] })
  const certificate = await client.auto({
    csr,
    termsOfServiceAgreed: true,
    email: 'ops@example.test',
    challengePriority: ['dns-01'],
    skipChallengeVerification: true,
    challengeCreateFn: async ({ identifier }, _challenge, value) =>
      appendFileSync(records, `_acme-challenge.${identifier.value}. ${value}\n`),
    challengeRemoveFn: async () => {},
  })
  t.strictSame(acme.crypto.readCertificateInfo(certificate).domains.altNames, [
    '*.www.example.test',
    'www.example.test',
  ])
  await client.updateAccountKey(await acme.crypto.createPrivateRsaKey())
  await client.revokeCertificate(certificate, { reason: 4 })
  await client.updateAccount({ status: 'deactivated' })
  await t.rejects(client.createOrder({ identifiers: [{ type: 'dns', value: 'www.example.test' }] }), /deactivated/)
})
