import { mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { configText, Daemon, type Ports } from './daemon.ts'
import { MODULE, NO_TOKENS, PIN, softHsm } from './softhsm.ts'
import { run, without } from './tools.ts'

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

t.test(
  'a token that is away, refuses the PIN or is lost for good, as docs/runbooks.md has it',
  { skip: NO_TOKENS || without('curl', 'dig') },
  async t => {
    const hsm = await softHsm(t)
    await hsm.createToken('site')
    const pin = join(hsm.tokens, '..', 'pin')
    writeFileSync(pin, `${PIN}\n`, { mode: 0o600 })
    const uri = `pkcs11:token=site;object=int?module-path=${MODULE}&pin-source=file:${pin}`
    const inToken = (ports: Ports) =>
      configText(ports).replace('validity: 365d }', `validity: 365d, key: { pkcs11: "${uri}" } }`)
    const daemon = await Daemon.start(t, { config: inToken })
    const chain = join(daemon.folder, 'x.internal.example.com.crt')
    const issue = () => {
      for (const file of [chain, chain.replace('.crt', '.key')]) rmSync(file, { force: true })
      return daemon.cli('ca', 'issue', 'x.internal.example.com', '--out', daemon.folder)
    }
    t.equal((await issue()).status, 0)
    const { stdout: text } = await run('openssl', ['x509', '-in', chain, '-noout', '-ext', 'crlDistributionPoints'])
    const [crl] = /http:\S+/.exec(text) ?? []

    // 1: the log says which token; what needs no new signature goes on.
    const aside = `${hsm.tokens}-aside`
    renameSync(hsm.tokens, aside)
    mkdirSync(hsm.tokens)
    await run('pkill', ['-KILL', '-P', String(daemon.pid), '-f', 'module-process'])
    const refused = await issue()
    t.not(refused.status, 0)
    t.match(refused.stderr, /the token "site" is not in any slot/)
    const { stdout } = await run('dig', [
      '+short',
      '-p',
      String(daemon.ports.dns),
      '@127.0.0.1',
      'www.internal.example.com',
    ])
    t.equal(stdout, '192.0.2.10\n')
    t.equal((await run('curl', ['-sSf', '-o', join(daemon.folder, 'crl'), crl!])).stderr, '')

    // 2: nothing needs a restart.
    rmdirSync(hsm.tokens)
    renameSync(aside, hsm.tokens)
    t.equal((await issue()).status, 0)

    // 3: the token's counter, then the right PIN.
    writeFileSync(pin, '999999')
    await daemon.end('SIGTERM')
    await t.rejects(daemon.restart(), { message: /ended with 2: .*refused the PIN/ })
    const slots = await run('pkcs11-tool', ['--module', MODULE, '--list-token-slots'])
    t.match(slots.stdout, /token label +: site[\s\S]*user PIN count low/)
    writeFileSync(pin, PIN)
    await daemon.restart()
    t.equal((await issue()).status, 0)

    // 4: lost for good, with the root elsewhere.
    await daemon.end('SIGTERM')
    rmSync(hsm.tokens, { recursive: true })
    mkdirSync(hsm.tokens)
    writeFileSync(daemon.file, configText(daemon.ports))
    const ca = join(daemon.folder, 'data', 'ca')
    for (const file of ['intermediate-1.key', 'intermediate-1.crt'])
      renameSync(join(ca, file), join(ca, `lost-${file}`))
    await daemon.restart()
    t.equal((await issue()).status, 0)
    const root = await daemon.rootFile()
    const verified = await run('openssl', ['verify', '-x509_strict', '-CAfile', root, '-untrusted', chain, chain])
    t.match(verified.stdout, ': OK', verified.stderr)
  },
)
