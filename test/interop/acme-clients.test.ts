import { createSocket } from 'node:dgram'
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import acme from 'acme-client'
import { decode, encode, RECURSION_AVAILABLE } from 'dns-packet'
import t, { type Test } from 'tap'
import type { Habits } from '../../ca/acme/habits.ts'
import { createCa } from '../../ca/ca.ts'
import { CA_MIGRATIONS } from '../../ca/store/store.ts'
import { Class, Rcode } from '../../dns/codes.ts'
import { type Name, printName } from '../../dns/name.ts'
import { parseRdataText, Type } from '../../dns/types.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import { systemRandom } from '../../host/random.ts'
import { systemNetwork } from '../../host/system-network.ts'
import { createApp } from '../../server/http/http-app.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { caConfig } from '../ca/world.ts'
import { scratchFolder } from '../scratch.ts'
import { selfSigned } from '../server/certificate.ts'
import { openHttps } from '../server/https.ts'
import { goClient } from './go-client.ts'
import { freePorts, run, without } from './tools.ts'

/** Pebble's: clients that live with them live with any server. */
const HABITS: Habits = { refuseNonceEvery: 20, shuffled: true }

/**
 * A CA with bad habits on loopback HTTPS, whose DNS is a file of "NAME VALUE" lines that the clients' hooks write; every name is the
 * loopback address.
 */
async function serveCa(t: Test, more = '', habits = HABITS) {
  const folder = scratchFolder(t)
  const listener = await openHttps(t, await selfSigned('localhost'))
  const url = `https://localhost:${listener.port}`
  const records = join(folder, 'records')
  const hook = join(folder, 'hook')
  writeFileSync(records, '')
  // lego calls it with `present NAME VALUE`, certbot with the values in its environment, dehydrated with `deploy_challenge NAME TOKEN
  // VALUE`, uacme with `begin TYPE NAME TOKEN VALUE`; both give the name alone.
  writeFileSync(
    hook,
    `#!/bin/sh
case $1 in
  cleanup | done | failed | clean_challenge | deploy_cert | unchanged_cert | startup_hook | exit_hook) exit 0 ;;
  begin) [ "$2" = dns-01 ] || exit 1; set -- present "_acme-challenge.$3." "$5" ;;
  deploy_challenge) set -- present "_acme-challenge.$2." "$4" ;;
esac
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
    if (type === Type.A)
      return { rcode: Rcode.NOERROR, answer: [{ ...OF(name, type), rdata: parseRdataText(type, '127.0.0.1') }] }
    const values = type === Type.TXT ? valuesAt(printName(name)) : []
    const answer = values.map(value => ({ ...OF(name, type), rdata: parseRdataText(type, `"${value}"`) }))
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
    habits,
  })
  listener.renew((await ca.serverCertificate(['localhost']))!)
  const app = createApp(silentLog)
  ca.registerHttps(app, () => undefined)
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

const OF = (owner: Name, type: number) => ({ owner, type, class: Class.IN, ttl: 0 })

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

/** The chain that a client was given, by what its last certificate says of its issuer. */
async function leadsTo(chain: string): Promise<string> {
  const last = readFileSync(chain, 'utf8')
    .split(/(?=-----BEGIN)/)
    .at(-1)!
  const { stdout } = await run('openssl', ['x509', '-noout', '-issuer', '-nameopt', 'multiline'], { input: last })
  return /commonName += (.*)/.exec(stdout)?.[1] ?? stdout
}

t.test('lego and certbot get the chain that they prefer', { skip: without('lego', 'certbot', 'openssl') }, async t => {
  const served = await serveCa(t, '  preferred_chain: Test Root CA 2\n')
  const { ca, directory, folder, hook } = served
  await ca.commands['ca.renew-root']!({})
  const [next, old] = (await ca.commands['ca.roots']!({})) as { subject: string; certificate: string }[]
  const roots = Object.fromEntries([next!, old!].map(({ subject, certificate }) => [subject, certificate]))
  for (const name of Object.keys(roots)) {
    const root = join(folder, `${name}.pem`)
    writeFileSync(root, roots[name]!)
    const lego = await legoFor({ ...served, folder: join(folder, name) })('run', '--preferred-chain', name)
    t.equal(lego.status, 0, lego.stderr.slice(-600))
    const legos = join(folder, name, 'lego', 'certificates', 'www.example.test.crt')
    t.equal(await leadsTo(legos), name, 'lego')
    await verifies(t, root, legos)
    const folders = ['c', 'w', 'l'].map(one => join(folder, name, one))
    const where = ['--config-dir', folders[0]!, '--work-dir', folders[1]!, '--logs-dir', folders[2]!]
    const how = ['--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', hook, '--agree-tos']
    const certbot = await run(
      'certbot',
      [
        ...['certonly', '-n', '--server', directory, ...where, ...how],
        ...['--register-unsafely-without-email', '--preferred-chain', name, ...NAMES],
      ],
      { env: { REQUESTS_CA_BUNDLE: served.root }, timeout: 60_000 },
    )
    t.equal(certbot.status, 0, (certbot.stderr + certbot.stdout).slice(-900))
    const certbots = join(folders[0]!, 'live', 'www.example.test', 'fullchain.pem')
    t.equal(await leadsTo(certbots), name, 'certbot')
    await verifies(t, root, certbots)
  }
})

t.test(
  'certbot orders, renews, changes its contact, revokes and deactivates',
  { skip: without('certbot', 'openssl') },
  async t => {
    // A refused nonce makes its `unregister` fail.
    const { directory, folder, hook, root } = await serveCa(t, '', { ...HABITS, refuseNonceEvery: 0 })
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

for (const [type, flags] of [
  ['http-01', (port: number) => ['--http', '--http.port', `127.0.0.1:${port}`]],
  ['tls-alpn-01', (port: number) => ['--tls', '--tls.port', `127.0.0.1:${port}`]],
] as const)
  t.test(`lego proves control by ${type}`, { skip: without('lego', 'openssl') }, async t => {
    const [port] = await freePorts(1)
    const more = `  challenges: [${type}]\n  challenge_ports: { ${type}: ${port} }\n  challenge_targets: [127.0.0.0/8]\n`
    const { directory, folder, root } = await serveCa(t, more)
    const path = join(folder, 'lego')
    const common = ['--accept-tos', '--email', 'ops@example.test', '--server', directory, '--path', path]
    const env = { LEGO_CA_CERTIFICATES: root }
    const ran = await run('lego', [...common, ...flags(port!), '-d', 'www.example.test', 'run'], { env })
    t.equal(ran.status, 0, ran.stderr.slice(-600))
    await verifies(t, root, join(path, 'certificates', 'www.example.test.crt'))
  })

t.test('dehydrated orders and revokes', { skip: without('dehydrated', 'openssl', 'curl') }, async t => {
  // It takes a refused nonce for the end.
  const { directory, folder, hook, root } = await serveCa(t, '', { ...HABITS, refuseNonceEvery: 0 })
  const config = join(folder, 'dehydrated.conf')
  writeFileSync(
    config,
    `CA="${directory}"\nBASEDIR="${folder}"\nCHALLENGETYPE=dns-01\nHOOK="${hook}"\nKEY_ALGO=prime256v1\nCURL_OPTS="--cacert ${root}"\n`,
  )
  const dehydrated = (...args: string[]) => run('dehydrated', ['--config', config, ...args], { timeout: 60_000 })
  for (const args of [
    ['--register', '--accept-terms'],
    ['--cron', '--domain', 'www.example.test', '--alias', 'www', '--domain', '*.example.test'],
    ['--revoke', join(folder, 'certs', 'www', 'cert.pem')],
  ]) {
    const ran = await dehydrated(...args)
    t.equal(ran.status, 0, `${args[0]}: ${(ran.stderr + ran.stdout).slice(-900)}`)
    if (args[0] === '--cron') await verifies(t, root, join(folder, 'certs', 'www', 'fullchain.pem'))
  }
})

/** uacme trusts what the system trusts: it is run where that is our root. */
const TRUSTING = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec uacme "$@"'
const isRoot = process.getuid?.() === 0

t.test(
  'uacme orders and revokes',
  { skip: without('uacme', 'openssl', 'unshare') || (!isRoot && 'needs root') },
  async t => {
    const { directory, folder, hook, root } = await serveCa(t)
    const common = ['-c', join(folder, 'uacme'), '-a', directory, '-h', hook, '-y', '-t', 'EC']
    const uacme = (...args: string[]) => run('unshare', ['-m', 'sh', '-c', TRUSTING, root, ...common, ...args])
    const certificate = join(folder, 'uacme', 'www.example.test', 'cert.pem')
    for (const args of [['new'], ['issue', 'www.example.test', '*.example.test'], ['revoke', certificate]]) {
      const ran = await uacme(...args)
      t.equal(ran.status, 0, `${args[0]}: ${(ran.stderr + ran.stdout).slice(-900)}`)
      if (args[0] === 'issue') await verifies(t, root, certificate)
    }
  },
)

const goAcme = goClient('acme-go')

t.test(
  "Go's x/crypto/acme pre-authorizes, orders, revokes, changes its key and ends it all",
  { skip: goAcme.skip || without('openssl') },
  async t => {
    t.equal(await goAcme.build(), '')
    const { directory, folder, hook, root } = await serveCa(t)
    const ran = await run(goAcme.binary, [directory, root, hook, 'www.example.test', '*.www.example.test'])
    t.equal(ran.status, 0, ran.stderr.slice(-600))
    const chain = join(folder, 'chain.pem')
    writeFileSync(chain, ran.stdout)
    await verifies(t, root, chain)
  },
)
