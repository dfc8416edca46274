import { watch } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { createTokens } from '../../ca/hierarchy/token-signer.ts'
import type { KeyAlgorithm } from '../../config/ca-schema.ts'
import type { TokenKey } from '../../config/pkcs11.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import { CKA } from '../../host/pkcs11/codes.ts'
import { openModule } from '../../host/pkcs11/module.ts'
import { startModule } from '../../host/pkcs11/module-channel.ts'
import { linkModule } from '../../host/pkcs11/module-link.ts'
import { openToken } from '../../host/pkcs11/token.ts'
import { systemRandom } from '../../host/random.ts'
import { dns, type FixtureOptions, judge, leafKey, leafOf, openFixture, profile, settings } from '../ca/fixture.ts'
import { memoryFiles } from '../ca/memory-files.ts'
import { memoryStore } from '../ca/memory-store.ts'
import { inToken, MODULE, NO_TOKENS, PIN, softHsm } from './softhsm.ts'
import { run } from './tools.ts'

// A token takes its time to make RSA keys.
t.setTimeout(120_000)

/** The processes in which modules run for this one. */
async function moduleProcesses(): Promise<number[]> {
  const { stdout } = await run('pgrep', ['-P', String(process.pid), '-f', 'module-process'])
  return stdout.split('\n').filter(Boolean).map(Number)
}

/** When the process of a module is killed that is asked for a key pair, once: a number is that of a change in the token's files. */
type Cut = 'after' | 'public alone' | number

/** The DER name of the curve P-256. */
const P256 = new Map([[CKA.ecParams, Buffer.from('06082a8648ce3d030107', 'hex')]])

/** Starts modules of which the first is killed so. */
function cutOff(moment: Cut, { tokens, tool }: Awaited<ReturnType<typeof softHsm>>, label: string): typeof startModule {
  let isFirst = true
  return (path, clock) => {
    const channel = startModule(path, clock)
    if (!isFirst) return channel
    return {
      get lost() {
        return channel.lost
      },
      end: () => channel.end(),
      async ask(request) {
        if (request.call !== 'generateKeyPair') return channel.ask(request)
        isFirst = false
        let changes = 0
        const watcher = watch(tokens, { recursive: true }, () => {
          if (changes++ === moment) channel.end()
        })
        try {
          await channel.ask(request)
        } finally {
          watcher.close()
        }
        if (moment === 'public alone') await tool('fresh', '--delete-object', '--type', 'privkey', '--label', label)
        channel.end()
        return channel.ask(request)
      },
    }
  }
}

const request = { publicKey: leafKey.publicKey, identifiers: dns('www.internal.example.com'), profile }

/** A signing side whose keys are in these tokens. */
async function openWith(
  t: Test,
  keys: { root?: TokenKey; intermediate?: TokenKey },
  options: FixtureOptions = {},
  kinds: { root?: KeyAlgorithm; intermediate?: KeyAlgorithm } = {},
) {
  const tokens = createTokens(Object.values(keys), { random: systemRandom, clock: systemClock, log: silentLog })
  const opened = await openFixture({
    clock: systemClock,
    tokens,
    ...options,
    settings: {
      root: {
        ...settings.root,
        generate: kinds.root ?? 'ecdsa-p384',
        ...(keys.root && { key: { pkcs11: keys.root } }),
      },
      intermediate: {
        ...settings.intermediate,
        generate: kinds.intermediate ?? 'ecdsa-p256',
        ...(keys.intermediate && { key: keys.intermediate }),
      },
      ...options.settings,
    },
  })
  t.teardown(async () => {
    opened.hierarchy.close()
    opened.revocation.close()
    await tokens.close()
  })
  return opened
}

/** OpenSSL's word on a leaf, its intermediate and its root, on the CRLs of both CAs, and on an OCSP response. */
async function verify(
  t: Test,
  { hierarchy, issuance, revocation }: Awaited<ReturnType<typeof openWith>>,
  what: string,
) {
  const { chain } = await issuance.issue(request)
  const { root } = hierarchy
  const int = hierarchy.current()
  const [crl, rootCrl] = await Promise.all([int, root].map(async one => (await revocation.crl(one.id))!.der))
  const files = {
    'root.pem': root.pem,
    'int.pem': int.pem,
    'leaf.pem': leafOf(chain),
    'crl.der': crl!,
    'root.der': rootCrl!,
  }
  const command =
    'openssl crl -inform der -in crl.der -out a.pem && openssl crl -inform der -in root.der >> a.pem && openssl verify -x509_strict -crl_check_all -CRLfile a.pem -CAfile root.pem -untrusted int.pem leaf.pem'
  t.match((await judge(files, 'sh', '-c', command)).output, 'leaf.pem: OK', what)
  const ask = 'openssl ocsp -issuer int.pem -cert leaf.pem -no_nonce -reqout q.der && base64 -w0 q.der'
  const question = Buffer.from((await judge(files, 'sh', '-c', ask)).output, 'base64')
  const { der } = await revocation.ocsp(question)
  const read = 'openssl ocsp -issuer int.pem -cert leaf.pem -CAfile root.pem -respin r.der -no_nonce 2>&1'
  t.match((await judge({ ...files, 'r.der': der }, 'sh', '-c', read)).output, /OK\nleaf\.pem: good/, `${what}: OCSP`)
}

t.test('keys of every kind are made in a token, sign there, and never leave it', { skip: NO_TOKENS }, async t => {
  const hsm = await softHsm(t)
  const pairs: [root: KeyAlgorithm, intermediate: KeyAlgorithm][] = [
    ['ecdsa-p384', 'ecdsa-p256'],
    ['ed25519', 'ed25519'],
    ['rsa-4096', 'rsa-2048'],
  ]
  for (const pair of pairs) await hsm.createToken(pair.join(' '))
  await hsm.createToken('fresh')
  for (const [root, intermediate] of pairs) {
    const label = `${root} ${intermediate}`
    const keys = { root: inToken(label, 'root'), intermediate: inToken(label, 'intermediate') }
    const kept = new Map<string, string>()
    const memory = memoryStore()
    const opened = await openWith(t, keys, { files: memoryFiles(kept).files, memory }, { root, intermediate })
    t.match(opened.hierarchy.current().signer, { kind: intermediate, token: `the token "${label}"` })
    t.equal(kept.get('root.key'), `pkcs11:token=${encodeURIComponent(label)};object=root\n`)
    t.equal(kept.get('intermediate-1.key'), `pkcs11:token=${encodeURIComponent(label)};object=intermediate-1\n`)
    await verify(t, opened, label)
    const listed = await hsm.tool(label, '--list-objects', '--type', 'privkey')
    for (const name of ['root', 'intermediate-1'])
      t.match(
        listed.stdout,
        new RegExp(`label: +${name}\\n[\\s\\S]*?sensitive, always sensitive, never extract`),
        listed.stdout,
      )

    await opened.hierarchy.renewIntermediate()
    t.equal(opened.hierarchy.current().signer.token, `the token "${label}"`)
    const again = await openWith(t, keys, { files: memoryFiles(kept).files, memory }, { root, intermediate })
    t.equal(again.hierarchy.root.serial, opened.hierarchy.root.serial, 'a restart finds the same keys')
    t.equal(again.hierarchy.current().serial, opened.hierarchy.current().serial)
    t.equal(again.hierarchy.all().length, 3)
    await verify(t, again, `${label} after a restart and a renewal`)
  }

  const label = 'ecdsa-p384 ecdsa-p256'
  t.test('a root elsewhere with its key in the token', async t => {
    // Made by others: pkcs11-tool generates the key, and the certificate is that of the key made above.
    const files = memoryFiles().files
    const made = await openWith(t, { root: inToken(label, 'root') }, { files })
    const root = { ...settings.root, certificate: made.hierarchy.root.pem, key: { pkcs11: inToken(label, 'root') } }
    const opened = await openWith(t, { root: inToken(label, 'root') }, { settings: { root } })
    t.equal(opened.hierarchy.root.serial, made.hierarchy.root.serial)
    t.equal(opened.hierarchy.current().signer.token, undefined, 'an intermediate in a file is below it')
    await verify(t, opened, 'imported root')

    const other = await openFixture({ clock: systemClock })
    const wrong = { ...root, certificate: other.hierarchy.root.pem }
    await t.rejects(openWith(t, { root: inToken(label, 'root') }, { settings: { root: wrong } }), {
      message: /the key labelled "root" in the token "ecdsa-p384 ecdsa-p256" is not the one of the certificate/,
    })
    other.hierarchy.close()
  })

  t.test('what does not fit is refused in its terms', async t => {
    const cases: [
      what: string,
      keys: Parameters<typeof openWith>[1],
      kinds: Parameters<typeof openWith>[3],
      message: RegExp,
    ][] = [
      [
        'another kind of key',
        { root: inToken(label, 'root') },
        { root: 'rsa-2048' },
        /labelled "root" in the token .* is ecdsa-p384, but the config says rsa-2048/,
      ],
      [
        'no such token',
        { root: inToken('none', 'root') },
        {},
        /the token "none" is not in any slot of .*there: .*"ecdsa-p384/,
      ],
      ['a wrong PIN', { root: inToken(label, 'root', '999999') }, {}, /refused the PIN; it is not tried again/],
    ]
    for (const [what, keys, kinds, message] of cases) await t.rejects(openWith(t, keys, {}, kinds), { message }, what)
  })

  t.test('a config that no longer names the token says which key is in it', async t => {
    const kept = new Map<string, string>()
    const memory = memoryStore()
    await openWith(t, { intermediate: inToken(label, 'moved') }, { files: memoryFiles(kept).files, memory })
    await t.rejects(openWith(t, {}, { files: memoryFiles(kept).files, memory }), {
      message: /the key of intermediate-1\.key is in a token that the config no longer names: pkcs11:token=/,
    })
    const back = await openWith(
      t,
      { intermediate: inToken(label, 'moved') },
      { files: memoryFiles(kept).files, memory },
    )
    t.equal(back.hierarchy.all().length, 2)
    const plain = { ...settings.intermediate }
    const files = memoryFiles(kept).files
    const moved = await openWith(
      t,
      { root: inToken(label, 'x') },
      { files, memory, settings: { root: settings.root, intermediate: plain } },
    )
    t.equal(moved.hierarchy.current().signer.token, undefined, 'moving back to files makes a new intermediate')
    t.equal(moved.hierarchy.all().length, 3)
  })

  t.test('a module that dies under us is started again at the next signature', async t => {
    const opened = await openWith(t, { intermediate: inToken('fresh', 'reset') })
    t.ok(await opened.issuance.issue(request))
    for (let i = 0; i < 2; i++) {
      for (const pid of await moduleProcesses()) process.kill(pid, 'SIGSEGV')
      t.ok(await opened.issuance.issue(request), 'all sessions and the login were gone')
    }
  })

  t.test('a key pair whose making a crash cuts off is there once, and signs', async t => {
    // A crash after the pair was made, while it is being made, and at moments at which its files are being written.
    const moments: Cut[] = ['after', 'public alone', 0, 1, 2, 4, 6, 8]
    for (const [at, moment] of moments.entries()) {
      const key = { object: `cut-${at}`, id: Uint8Array.of(at + 1) }
      const link = linkModule(MODULE, systemClock, silentLog, cutOff(moment, hsm, key.object))
      const token = openToken({ module: MODULE, token: 'fresh' }, PIN, link)
      await token.generate('CKM_EC_KEY_PAIR_GEN', P256, key)
      t.ok(await token.sign(key, 'CKM_ECDSA', new Uint8Array(32)), String(moment))
      const point = (await token.describe(key))?.get(CKA.ecPoint)
      t.equal(point?.length, 67, 'its public key is whole')
      await token.close()
      link.end()
    }
    const { stdout } = await hsm.tool('fresh', '--list-objects')
    const labels = (stdout.match(/label: +cut-\d+/g) ?? []).sort()
    t.equal(labels.length, 2 * moments.length, stdout)
    t.equal(new Set(labels).size, moments.length)
  })

  t.test('a module stays where it is when memory is collected', async t => {
    const module = openModule(MODULE)
    module.initialize()
    const before = module.tokens()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise(setImmediate)
    }
    t.strictSame(module.tokens(), before)
  })

  t.test('a token that is away at the start is asked again when it should sign', async t => {
    const kept = new Map<string, string>()
    const memory = memoryStore()
    const keys = { intermediate: inToken(label, 'later') }
    await openWith(t, keys, { files: memoryFiles(kept).files, memory })
    const away = { intermediate: inToken('away', 'later') }
    kept.set('intermediate-1.key', 'pkcs11:token=away;object=later-1\n')
    const opened = await openWith(t, away, { files: memoryFiles(kept).files, memory })
    await t.rejects(opened.issuance.issue(request), { code: 'token', message: /the token "away" is not in any slot/ })
    t.equal([...memory.records.values()].filter(one => one.profile === 'default').length, 0, 'and nothing is stored')
  })
})
