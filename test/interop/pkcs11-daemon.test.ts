import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { configText, Daemon, type Ports } from './daemon.ts'
import { MODULE, NO_TOKENS, PIN, softHsm } from './softhsm.ts'
import { run } from './tools.ts'

t.setTimeout(120_000)

t.test(
  'a whole CA by its configuration: roots, intermediates and the record in one token',
  { skip: NO_TOKENS },
  async t => {
    const hsm = await softHsm(t)
    await hsm.createToken('site')
    const pin = join(hsm.tokens, '..', 'pin')
    writeFileSync(pin, `${PIN}\n`, { mode: 0o600 })
    const uri = (object: string) =>
      `{ pkcs11: "pkcs11:token=site;object=${object}?module-path=${MODULE}&pin-source=file:${pin}" }`
    const config = (ports: Ports) =>
      configText(ports)
        .replace('validity: 3650d }', `validity: 3650d, key: ${uri('root')} }`)
        .replace(
          'validity: 365d }',
          `validity: 365d, key: ${uri('int')} }\n  record_key: ${uri('record')}\n  issuers: { acme: {}, own: { root: { validity: 400d } } }\n  staging: true`,
        )
    const daemon = await Daemon.start(t, { config })
    const shown = JSON.parse((await daemon.cli('ca', 'show', '--json')).stdout) as {
      issuers: { name: string; root: object; intermediates: object[] }[]
    }
    const token = 'the token "site"'
    t.match(shown.issuers, [
      { name: 'acme', root: { token }, intermediates: [{ token }] },
      { name: 'own', root: { token: undefined }, intermediates: [{ token }] },
      { name: 'staging', root: { token: undefined }, intermediates: [{ token: undefined }] },
    ])
    const issued = await daemon.cli('ca', 'issue', 'x.internal.example.com', '--out', daemon.folder)
    t.equal(issued.status, 0, issued.stderr)
    const chain = join(daemon.folder, 'x.internal.example.com.crt')
    const verified = await run('openssl', [
      'verify',
      '-x509_strict',
      '-CAfile',
      await daemon.rootFile(),
      '-untrusted',
      chain,
      chain,
    ])
    t.match(verified.stdout, ': OK', verified.stderr)
    const head = await daemon.cli('ca', 'log', 'verify')
    t.equal(head.status, 0, head.stderr)
    t.equal((await daemon.cli('ca', 'renew-root')).status, 0)
    const listed = (await hsm.tool('site', '--list-objects', '--type', 'privkey')).stdout.match(/label: +\S+/g) ?? []
    t.strictSame(
      listed.map(line => line.replace(/label: +/, '')).sort(),
      ['int-1', 'int-2', 'int-own-1', 'record', 'root', 'root-2'],
      'hierarchies that share a token keep their keys apart',
    )
    t.equal(await daemon.end('SIGTERM'), 0)
    const logged = JSON.stringify(daemon.lines) + daemon.stderr
    t.notMatch(logged, PIN, 'and nothing tells the PIN')

    writeFileSync(pin, '999999')
    await t.rejects(daemon.restart(), { message: /ended with 2: .*the token "site" refused the PIN/ })
    writeFileSync(pin, PIN)
    await t.resolves(daemon.restart())
  },
)
