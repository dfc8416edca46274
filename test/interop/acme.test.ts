import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, SECRETS } from './daemon.ts'
import { run, without } from './tools.ts'

t.test(
  'stock clients get certificates from an empty start',
  { skip: without('lego', 'certbot', 'openssl', 'curl') },
  async t => {
    const daemon = await Daemon.start(t)
    const { dns } = daemon.ports
    const root = await daemon.rootFile()
    const directory = daemon.url('/acme/directory')

    const verify = async (chain: string, name: string) => {
      const verified = await run('openssl', [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        name,
        '-CAfile',
        root,
        '-untrusted',
        chain,
        chain,
      ])
      return verified.stdout + verified.stderr
    }

    t.test('lego with its rfc2136 plugin, a name and its wildcard; then revocation', async t => {
      const env = {
        LEGO_CA_CERTIFICATES: root,
        RFC2136_NAMESERVER: `127.0.0.1:${dns}`,
        RFC2136_TSIG_KEY: 'certmanager.',
        RFC2136_TSIG_SECRET: SECRETS.certmanager,
        RFC2136_TSIG_ALGORITHM: 'hmac-sha256.',
        RFC2136_POLLING_INTERVAL: '1',
        RFC2136_SEQUENCE_INTERVAL: '1',
      }
      const lego = (...args: string[]) =>
        run(
          'lego',
          [
            '--accept-tos',
            '--email',
            'ops@internal.example.com',
            '--server',
            directory,
            '--path',
            join(daemon.folder, 'lego'),
            '--dns',
            'rfc2136',
            '--dns.resolvers',
            `127.0.0.1:${dns}`,
            '--dns.disable-cp',
            '-d',
            'app.internal.example.com',
            '-d',
            '*.app.internal.example.com',
            ...args,
          ],
          { env, timeout: 120_000 },
        )
      const ran = await lego('run')
      t.equal(ran.status, 0, ran.stderr.slice(-600))
      const chain = join(daemon.folder, 'lego', 'certificates', 'app.internal.example.com.crt')
      t.match(await verify(chain, 'app.internal.example.com'), /: OK/)
      t.match(await verify(chain, 'any.app.internal.example.com'), /: OK/)
      const renewed = await lego('renew', '--days', '365', '--no-random-sleep')
      t.equal(renewed.status, 0, renewed.stderr.slice(-600))
      const revoked = await lego('revoke')
      t.equal(revoked.status, 0, revoked.stderr.slice(-600))
    })

    t.test('certbot with its rfc2136 plugin, a name and its wildcard', async t => {
      const ini = join(daemon.folder, 'rfc2136.ini')
      const lines = {
        server: '127.0.0.1',
        port: dns,
        name: 'certmanager.',
        secret: SECRETS.certmanager,
        algorithm: 'HMAC-SHA256',
      }
      writeFileSync(
        ini,
        Object.entries(lines)
          .map(([key, value]) => `dns_rfc2136_${key} = ${value}\n`)
          .join(''),
        { mode: 0o600 },
      )
      const at = (name: string) => join(daemon.folder, name)
      const ran = await run(
        'certbot',
        [
          'certonly',
          '-n',
          '--agree-tos',
          '--register-unsafely-without-email',
          '--server',
          directory,
          '--config-dir',
          at('certbot'),
          '--work-dir',
          at('certbot-work'),
          '--logs-dir',
          at('certbot-log'),
          '--dns-rfc2136',
          '--dns-rfc2136-credentials',
          ini,
          '--dns-rfc2136-propagation-seconds',
          '1',
          '-d',
          'cb.internal.example.com',
          '-d',
          '*.cb.internal.example.com',
        ],
        { env: { REQUESTS_CA_BUNDLE: root }, timeout: 120_000 },
      )
      t.equal(ran.status, 0, ran.stderr.slice(-600) + ran.stdout.slice(-600))
      const chain = join(daemon.folder, 'certbot', 'live', 'cb.internal.example.com', 'fullchain.pem')
      t.match(await verify(chain, 'x.cb.internal.example.com'), /: OK/)
    })

    t.test('a name that no rule allows is refused, in words', async t => {
      const ran = await run(
        'lego',
        [
          '--accept-tos',
          '--email',
          'ops@internal.example.com',
          '--server',
          directory,
          '--path',
          join(daemon.folder, 'refused'),
          '--dns',
          'rfc2136',
          '-d',
          'www.example.org',
          'run',
        ],
        { env: { LEGO_CA_CERTIFICATES: root, RFC2136_NAMESERVER: `127.0.0.1:${dns}` } },
      )
      t.not(ran.status, 0)
      t.match(ran.stderr + ran.stdout, /rejectedIdentifier/)
    })

    t.test('openssl verifies the HTTPS certificate of the daemon itself', async t => {
      const { stdout } = await run('openssl', [
        's_client',
        '-connect',
        `127.0.0.1:${daemon.ports.https}`,
        '-servername',
        'localhost',
        '-verify_hostname',
        'localhost',
        '-CAfile',
        root,
      ])
      t.match(stdout, /Verify return code: 0 \(ok\)/)
    })
  },
)
