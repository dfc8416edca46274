import t from 'tap'
import { CKA, CKF, CKO, CKR } from '../../../host/pkcs11/codes.ts'
import { type Cryptoki, CryptokiError, type TokenInfo } from '../../../host/pkcs11/cryptoki.ts'
import { openToken, type TokenAddress } from '../../../host/pkcs11/token.ts'

const ADDRESS: TokenAddress = { module: '/lib/module.so', token: 'ca' }
const INFO: TokenInfo = {
  ...{ slot: 7n, label: 'ca', manufacturer: 'maker', model: 'one', serial: '0001' },
  flags: CKF.initialized | CKF.loginRequired,
}
const KEY = { object: 'root' }

/** A module of one token with one key, which counts what it is asked for and answers as `faults` say. */
function playModule(more: Partial<Cryptoki> = {}, infos: readonly TokenInfo[] = [INFO]) {
  const calls: string[] = []
  const faults: { call: string; value: number }[] = []
  let session = 0n
  const at = <T>(call: string, answer: T): T => {
    calls.push(call)
    const fault = faults.findIndex(one => one.call === call)
    if (fault >= 0) throw CryptokiError.answered(call, faults.splice(fault, 1)[0]!.value)
    return answer
  }
  const cryptoki: Cryptoki = {
    initialize: async () => at('initialize', undefined),
    restart: async () => at('restart', undefined),
    tokens: async () => [...infos],
    openSession: async () => at('open', ++session),
    closeSession: async () => at('close', undefined),
    login: async (_session, pin) => at(`login ${pin && Buffer.from(pin)}`, undefined),
    find: async () => at('find', [1n]),
    attributes: async () => new Map([[CKA.keyType, Uint8Array.of(3)]]),
    destroy: async () => at('destroy', undefined),
    generateKeyPair: async () => at('generate', undefined),
    sign: async (session, _mechanism, _key, data) => at('sign', Uint8Array.from([Number(session), ...data])),
    ...more,
  }
  return { calls, faults, cryptoki }
}

const sign = (token: ReturnType<typeof openToken>) => token.sign(KEY, 'CKM_ECDSA', Uint8Array.of(9))

t.test('a key is looked for once, after one login', async t => {
  const { calls, cryptoki } = playModule()
  const token = openToken(ADDRESS, '1234', cryptoki)
  for (let i = 0; i < 3; i++) t.same(await sign(token), [1, 9])
  t.strictSame(calls, ['initialize', 'open', 'login 1234', 'find', 'sign', 'sign', 'sign'])
  await token.close()
  t.equal(calls.at(-1), 'close')
})

t.test('a session is closed when what it does is done', async t => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  const { calls, cryptoki } = playModule({ sign: () => promise })
  const token = openToken(ADDRESS, '1234', cryptoki)
  const signature = sign(token)
  const closed = token.close()
  await new Promise(setImmediate)
  t.notOk(calls.includes('close'))
  resolve(Uint8Array.of(1))
  t.same(await signature, [1])
  await closed
  t.equal(calls.at(-1), 'close')
})

for (const value of [CKR.SESSION_HANDLE_INVALID, CKR.TOKEN_NOT_PRESENT, CKR.KEY_HANDLE_INVALID, CKR.USER_NOT_LOGGED_IN])
  t.test(`what is lost (0x${value.toString(16)}) is opened again, and the signature made`, async t => {
    const { calls, faults, cryptoki } = playModule()
    const token = openToken(ADDRESS, '1234', cryptoki)
    await sign(token)
    calls.length = 0
    faults.push({ call: 'sign', value })
    t.ok(await sign(token))
    t.strictSame(calls, ['sign', 'initialize', 'open', 'login 1234', 'find', 'sign'])
  })

t.test('a token that stays away is tried once a call, and found when it is back', async t => {
  const infos: TokenInfo[] = []
  const { cryptoki } = playModule({}, infos)
  const token = openToken(ADDRESS, '1234', cryptoki)
  const away = { code: 'token', message: 'the token "ca" is not in any slot of /lib/module.so; there: none' }
  await t.rejects(sign(token), away)
  await t.rejects(sign(token), away)
  infos.push(INFO)
  t.ok(await sign(token))
})

t.test('a token that came back while its module ran is found by one that has just started', async t => {
  const { calls, cryptoki } = playModule()
  const seen = () => (calls.includes('restart') ? [INFO] : [])
  const token = openToken(ADDRESS, '1234', { ...cryptoki, tokens: async () => seen() })
  t.ok(await sign(token))
  t.strictSame(calls, ['initialize', 'restart', 'open', 'login 1234', 'find', 'sign'])
})

t.test('a device that fails for good is named with what it answered', async t => {
  const { calls, faults, cryptoki } = playModule()
  const token = openToken(ADDRESS, '1234', cryptoki)
  faults.push({ call: 'sign', value: CKR.DEVICE_ERROR }, { call: 'sign', value: CKR.DEVICE_ERROR })
  await t.rejects(sign(token), {
    code: 'device',
    message: /the token "ca" can't be used now: sign answered CKR_DEVICE_ERROR/,
  })
  t.equal(calls.filter(call => call === 'sign').length, 2)
})

t.test('a wrong PIN is tried once, ever: a token locks itself after a few', async t => {
  const { calls, faults, cryptoki } = playModule()
  faults.push({ call: 'login 9999', value: CKR.PIN_INCORRECT })
  const token = openToken(ADDRESS, '9999', cryptoki)
  for (let i = 0; i < 5; i++)
    await t.rejects(sign(token), { code: 'pin', message: /refused the PIN; it is not tried again/ })
  t.equal(calls.filter(call => call.startsWith('login')).length, 1)
  t.equal(calls.filter(call => call === 'close').length, 1, 'and its session is given back')
})

t.test('where one more wrong PIN would lock the token, none is tried', async t => {
  const cases: [flags: number, message: RegExp][] = [
    [CKF.finalTry, /one more wrong PIN locks the token "ca": log in by hand/],
    [CKF.locked, /the token "ca" is locked/],
  ]
  for (const [flag, message] of cases) {
    const { calls, cryptoki } = playModule({}, [{ ...INFO, flags: INFO.flags | flag }])
    await t.rejects(sign(openToken(ADDRESS, '1234', cryptoki)), { code: 'pin', message })
    t.notOk(calls.some(call => call.startsWith('login')))
  }
})

t.test('the PIN is left to a keypad where there is one, and asked for where there is none', async t => {
  const keypad = playModule({}, [{ ...INFO, flags: INFO.flags | CKF.protectedAuthentication }])
  await sign(openToken(ADDRESS, undefined, keypad.cryptoki))
  t.ok(keypad.calls.includes('login undefined'))
  await t.rejects(sign(openToken(ADDRESS, undefined, playModule().cryptoki)), {
    code: 'pin',
    message: /asks for a PIN/,
  })
  const open = playModule({}, [{ ...INFO, flags: CKF.initialized }])
  await sign(openToken(ADDRESS, undefined, open.cryptoki))
  t.notOk(
    open.calls.some(call => call.startsWith('login')),
    'one that needs no login is used without',
  )
})

t.test('the token is the one of which everything given holds', async t => {
  const twin = { ...INFO, slot: 8n, serial: '0002' }
  const blank = { ...INFO, slot: 9n, flags: 0 }
  const with_ = (address: Partial<TokenAddress>) =>
    sign(openToken({ ...ADDRESS, ...address }, '1', playModule({}, [INFO, twin, blank]).cryptoki))
  await t.rejects(with_({}), { code: 'token', message: /there 2 times; name it by its serial number/ })
  await t.resolves(with_({ serial: '0002' }))
  await t.resolves(with_({ slot: 7 }))
  await t.rejects(with_({ model: 'other' }), { code: 'token', message: /not in any slot.*"ca" \(serial 0001\)/ })
})

t.test('what a key or a token can not do is said in its terms', async t => {
  const cases: [value: number, code: string, message: RegExp][] = [
    [CKR.MECHANISM_INVALID, 'mechanism', /does not have CKM_ECDSA/],
    [CKR.KEY_TYPE_INCONSISTENT, 'key', /may not sign by CKM_ECDSA/],
    [CKR.KEY_FUNCTION_NOT_PERMITTED, 'key', /CKA_SIGN/],
  ]
  for (const [value, code, message] of cases) {
    const { faults, cryptoki } = playModule()
    faults.push({ call: 'sign', value })
    await t.rejects(sign(openToken(ADDRESS, '1', cryptoki)), { code, message })
  }
  const none = playModule({ find: async () => [] })
  await t.rejects(sign(openToken(ADDRESS, '1', none.cryptoki)), {
    code: 'key',
    message: 'the token "ca" has no private key labelled "root"',
  })
  t.equal(await openToken(ADDRESS, '1', none.cryptoki).describe(KEY), undefined)
  const two = playModule({ find: async () => [1n, 2n] })
  await t.rejects(sign(openToken(ADDRESS, '1', two.cryptoki)), {
    code: 'key',
    message: /several keys labelled "root": name one by its id/,
  })
  const { faults, cryptoki } = playModule()
  faults.push({ call: 'generate', value: CKR.TOKEN_WRITE_PROTECTED })
  const made = openToken(ADDRESS, '1', cryptoki).generate('CKM_EC_KEY_PAIR_GEN', new Map(), {
    object: 'x',
    id: Uint8Array.of(1),
  })
  await t.rejects(made, { code: 'device', message: 'the token "ca" is write-protected' })
})

t.test('a module that is not there is named', async t => {
  const { cryptoki } = playModule({
    initialize: async () => {
      throw new Error('no such file')
    },
  })
  await t.rejects(sign(openToken(ADDRESS, '1', cryptoki)), {
    code: 'module',
    message: "the PKCS#11 module /lib/module.so can't be loaded: no such file",
  })
})

t.test('a pair whose making was cut off is made once, and what is left of it taken away', async t => {
  const LOST = CKR.CRYPTOKI_NOT_INITIALIZED
  const [OWN, SHOWN] = [CKO.privateKey, CKO.publicKey]
  const WHOLE: [bigint, number][] = [
    [OWN, 1],
    [SHOWN, 1],
  ]
  const HALF: [bigint, number][] = [
    [OWN, 0],
    [SHOWN, 1],
  ]
  const cases: [what: string, left: [object: bigint, local: number][], expected: string[]][] = [
    ['nothing is there', [], ['generate', 'generate']],
    ['the whole pair is there', WHOLE, ['generate']],
    ['its public key alone is there', [[SHOWN, 1]], ['generate', 'destroy', 'generate']],
    ['both are there, one not whole', HALF, ['generate', 'destroy', 'destroy', 'generate']],
  ]
  for (const [what, left, expected] of cases) {
    const objects = new Map<bigint, number>()
    const calls: string[] = []
    const { cryptoki } = playModule({
      find: async (_session, wanted) => [...objects.keys()].filter(object => object === wanted.get(CKA.class)),
      attributes: async (_session, object) => new Map([[CKA.local, Uint8Array.of(objects.get(object)!)]]),
      destroy: async (_session, object) => {
        calls.push('destroy')
        objects.delete(object)
      },
      generateKeyPair: async () => {
        const isFirst = !calls.includes('generate')
        calls.push('generate')
        for (const [object, local] of isFirst ? left : WHOLE) objects.set(object, local)
        if (isFirst) throw CryptokiError.answered('generateKeyPair', LOST)
      },
    })
    const key = { object: 'root', id: Uint8Array.of(1) }
    await openToken(ADDRESS, '1', cryptoki).generate('CKM_EC_KEY_PAIR_GEN', new Map(), key)
    t.strictSame(calls, expected, what)
    t.equal(objects.size, 2, what)
  }
})
