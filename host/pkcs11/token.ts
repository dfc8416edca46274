import { CKA, CKF, CKM, CKO, CKR, type Mechanism } from './codes.ts'
import { type Cryptoki, CryptokiError, type TokenInfo } from './cryptoki.ts'
import type { Attributes } from './template.ts'

/** Which token, of which module: all that is given must hold (RFC 7512 §2.3). */
export interface TokenAddress {
  /** Path of the module's shared library. */
  module: string
  token?: string | undefined
  manufacturer?: string | undefined
  model?: string | undefined
  serial?: string | undefined
  slot?: number | undefined
}

/** Which key in a token: its label, its id, or both. */
export interface KeyAddress {
  object?: string | undefined
  id?: Uint8Array | undefined
}

/** Why a token or a key in it can't be used; the message is a sentence for the operator. */
export class TokenError extends Error {
  override name = 'TokenError'
  readonly code: 'module' | 'token' | 'pin' | 'key' | 'mechanism' | 'device'
  constructor(code: TokenError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A PKCS#11 token whose keys sign and never leave it. Sessions that are lost are opened again; a PIN that was refused is not tried again. */
export interface Token {
  /** "the token "ca"", for messages. */
  readonly title: string
  /** The private key's own attributes and, over them, those of its public key; undefined where there is no such key. Throws TokenError. */
  describe(key: KeyAddress): Promise<ReadonlyMap<number, Uint8Array> | undefined>
  /** Makes a key pair that stays in the token and can't be read: one, even where the making is cut off and begun again. Throws TokenError. */
  generate(mechanism: Mechanism, publicKey: Attributes, key: { object: string; id: Uint8Array }): Promise<void>
  /** Throws TokenError. */
  sign(key: KeyAddress, mechanism: Mechanism, data: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/** What is lost when a token is pulled out or reset. Handles hold until then. */
interface Connection {
  slot: bigint
  session: bigint
  keys: Map<string, bigint>
}

/** What a token answers when what we held of it is gone. */
const LOST: ReadonlySet<number> = new Set([
  CKR.CRYPTOKI_NOT_INITIALIZED,
  CKR.DEVICE_ERROR,
  CKR.DEVICE_REMOVED,
  CKR.KEY_HANDLE_INVALID,
  CKR.OBJECT_HANDLE_INVALID,
  CKR.SESSION_CLOSED,
  CKR.SESSION_HANDLE_INVALID,
  CKR.SLOT_ID_INVALID,
  CKR.TOKEN_NOT_PRESENT,
  CKR.USER_NOT_LOGGED_IN,
])

/** A token that is connected to at first use; the PIN is what `pin` gives then, undefined for a device with a keypad of its own. */
export function openToken(address: TokenAddress, pin: string | undefined, cryptoki: Cryptoki): Token {
  const title = `the token ${JSON.stringify(address.token ?? address.serial ?? address.module)}`
  let connecting: Promise<Connection> | undefined
  let refusal: TokenError | undefined
  let turn: Promise<unknown> = Promise.resolve()

  const connect = async (): Promise<Connection> => {
    if (refusal) throw refusal
    await start(cryptoki, address)
    const info = await locate(cryptoki, address, title)
    const session = await cryptoki.openSession(info.slot)
    try {
      await login(cryptoki, session, info, pin, title)
    } catch (error) {
      await cryptoki.closeSession(session).catch(() => {})
      if (error instanceof TokenError && error.code === 'pin') refusal = error
      throw error
    }
    return { slot: info.slot, session, keys: new Map() }
  }
  const connection = () => {
    connecting ??= connect().catch(error => {
      connecting = undefined
      throw error
    })
    return connecting
  }
  /** Once more where what we held of the token is gone: it may be back. */
  const use = async <T>(work: (held: Connection) => Promise<T>): Promise<T> => {
    for (let again = true; ; again = false) {
      const held = connection()
      try {
        return await work(await held)
      } catch (error) {
        if (!(error instanceof CryptokiError)) throw error
        const lost = LOST.has(error.value)
        if (lost && connecting === held) connecting = undefined
        if (!lost || !again) throw explained(error, title)
      }
    }
  }
  /** What takes several calls of the module takes its turn as one, so that `close` finds nothing half done. */
  const inTurn = <T>(work: (held: Connection) => Promise<T>): Promise<T> => {
    const done = turn.then(() => use(work))
    turn = done.catch(() => {})
    return done
  }

  return {
    title,
    describe: key =>
      inTurn(async ({ session }) => {
        const own = await findOne(cryptoki, session, CKO.privateKey, key, title)
        if (own === undefined) return undefined
        const known = await cryptoki.attributes(session, own, [CKA.id, ...DESCRIBED])
        const id = known.get(CKA.id) ?? key.id
        // An id is what a key pair has in common; without one, it is the label.
        const pair = id === undefined ? key : { id }
        const shown = await findOne(cryptoki, session, CKO.publicKey, pair, title)
        return shown === undefined
          ? known
          : new Map([...known, ...(await cryptoki.attributes(session, shown, DESCRIBED))])
      }),
    generate: (mechanism, publicKey, { object, id }) =>
      inTurn(async ({ slot }) => {
        const names: [number, Uint8Array][] = [
          [CKA.label, Buffer.from(object)],
          [CKA.id, id],
        ]
        const session = await cryptoki.openSession(slot, { write: true })
        try {
          const shown: Attributes = new Map<number, Value>([
            ...publicKey,
            [CKA.token, true],
            [CKA.verify, true],
            ...names,
          ])
          const own: Attributes = new Map<number, Value>([...UNREADABLE, ...names])
          if (await isMade(cryptoki, session, names)) return
          await cryptoki.generateKeyPair(session, CKM[mechanism], shown, own)
        } catch (error) {
          throw error instanceof CryptokiError ? (refused(error, mechanism, title) ?? error) : error
        } finally {
          await cryptoki.closeSession(session).catch(() => {})
        }
      }),
    sign: (key, mechanism, data) =>
      inTurn(async ({ session, keys }) => {
        const name = `${key.object ?? ''}/${key.id ? Buffer.from(key.id).toString('hex') : ''}`
        const handle = keys.get(name) ?? (await findOne(cryptoki, session, CKO.privateKey, key, title))
        if (handle === undefined) throw new TokenError('key', `${title} has no private key ${keyTitle(key)}`)
        keys.set(name, handle)
        try {
          return await cryptoki.sign(session, CKM[mechanism], handle, data)
        } catch (error) {
          throw error instanceof CryptokiError ? (refused(error, mechanism, title) ?? error) : error
        }
      }),
    async close() {
      await turn
      const held = await connecting?.catch(() => undefined)
      connecting = undefined
      if (held) await cryptoki.closeSession(held.session).catch(() => {})
    },
  }
}

/** "labelled "root" with the id 0a1b", for messages. */
export function keyTitle({ object, id }: KeyAddress): string {
  const parts = [
    ...(object === undefined ? [] : [`labelled ${JSON.stringify(object)}`]),
    ...(id === undefined ? [] : [`with the id ${Buffer.from(id).toString('hex')}`]),
  ]
  return parts.join(' ')
}

type Value = Uint8Array | bigint | boolean

const UNREADABLE: readonly [number, boolean][] = [
  [CKA.token, true],
  [CKA.private, true],
  [CKA.sensitive, true],
  [CKA.extractable, false],
  [CKA.sign, true],
]

/** What a public key is made of. */
const DESCRIBED = [CKA.keyType, CKA.modulus, CKA.publicExponent, CKA.ecParams, CKA.ecPoint] as const

async function start(cryptoki: Cryptoki, { module }: TokenAddress): Promise<void> {
  try {
    await cryptoki.initialize()
  } catch (error) {
    if (error instanceof CryptokiError) throw error
    throw new TokenError('module', `the PKCS#11 module ${module} can't be loaded: ${(error as Error).message}`)
  }
}

/** The token that is meant. Some modules look into their slots at their start alone: one that is not there is looked for by a module that has just started. */
async function locate(cryptoki: Cryptoki, address: TokenAddress, title: string): Promise<TokenInfo> {
  try {
    return chosen(await cryptoki.tokens(), address, title)
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    await cryptoki.restart()
    return chosen(await cryptoki.tokens(), address, title)
  }
}

function chosen(all: readonly TokenInfo[], address: TokenAddress, title: string): TokenInfo {
  const wanted = (['label', 'manufacturer', 'model', 'serial'] as const).map(field => {
    return [field, field === 'label' ? address.token : address[field]] as const
  })
  const initialized = all.filter(({ flags }) => (flags & CKF.initialized) !== 0)
  const fit = initialized.filter(
    info =>
      (address.slot === undefined || info.slot === BigInt(address.slot)) &&
      wanted.every(([field, value]) => value === undefined || info[field] === value),
  )
  if (fit.length === 1) return fit[0]!
  const there =
    initialized.map(({ label, serial }) => `${JSON.stringify(label)} (serial ${serial})`).join(', ') || 'none'
  throw new TokenError(
    'token',
    fit.length === 0
      ? `${title} is not in any slot of ${address.module}; there: ${there}`
      : `${title} is there ${fit.length} times; name it by its serial number. There: ${there}`,
  )
}

async function login(cryptoki: Cryptoki, session: bigint, info: TokenInfo, pin: string | undefined, title: string) {
  if ((info.flags & CKF.loginRequired) === 0) return
  if ((info.flags & CKF.locked) !== 0) throw new TokenError('pin', `${title} is locked: its PIN was wrong too often`)
  // A daemon that is restarted over and over must not be what locks it.
  if ((info.flags & CKF.finalTry) !== 0)
    throw new TokenError('pin', `one more wrong PIN locks ${title}: log in by hand with the right one first`)
  if (pin === undefined && (info.flags & CKF.protectedAuthentication) === 0)
    throw new TokenError('pin', `${title} asks for a PIN: give it as pin-source of the URI, or as "pin" beside it`)
  try {
    await cryptoki.login(session, pin === undefined ? undefined : Buffer.from(pin))
  } catch (error) {
    if (!(error instanceof CryptokiError)) throw error
    if (error.value === CKR.USER_ALREADY_LOGGED_IN) return
    throw PIN_FAULTS[error.value]?.(title) ?? error
  }
}

const PIN_FAULTS: Readonly<Record<number, (title: string) => TokenError>> = {
  [CKR.PIN_INCORRECT]: wrongPin,
  [CKR.PIN_INVALID]: wrongPin,
  [CKR.PIN_LEN_RANGE]: wrongPin,
  [CKR.PIN_LOCKED]: title => new TokenError('pin', `${title} is locked: its PIN was wrong too often`),
  [CKR.PIN_EXPIRED]: title => new TokenError('pin', `the PIN of ${title} has expired: set another`),
  [CKR.USER_PIN_NOT_INITIALIZED]: title => new TokenError('pin', `${title} has no user PIN yet: set one`),
}

function wrongPin(title: string): TokenError {
  return new TokenError('pin', `${title} refused the PIN; it is not tried again until the daemon starts with another`)
}

async function findOne(
  cryptoki: Cryptoki,
  session: bigint,
  objectClass: bigint,
  key: KeyAddress,
  title: string,
): Promise<bigint | undefined> {
  const wanted = new Map<number, Uint8Array | bigint>([[CKA.class, objectClass]])
  if (key.object !== undefined) wanted.set(CKA.label, Buffer.from(key.object))
  if (key.id !== undefined) wanted.set(CKA.id, key.id)
  const found = await cryptoki.find(session, wanted)
  if (found.length > 1)
    throw new TokenError('key', `${title} has several keys ${keyTitle(key)}: name one by its id, too`)
  return found[0]
}

/**
 * Whether this pair is there. Nobody else's has its label and id: the parts of one whose making was cut off, by a module that crashed, are
 * taken away. A module says CKA_LOCAL of a key once it is whole.
 */
async function isMade(cryptoki: Cryptoki, session: bigint, names: readonly [number, Uint8Array][]): Promise<boolean> {
  const parts: { object: bigint; whole: boolean }[] = []
  for (const objectClass of [CKO.privateKey, CKO.publicKey]) {
    const named = new Map<number, Uint8Array | bigint>([[CKA.class, objectClass], ...names])
    for (const object of await cryptoki.find(session, named)) {
      const [local] = (await cryptoki.attributes(session, object, [CKA.local])).get(CKA.local) ?? []
      parts.push({ object, whole: local === 1 })
    }
  }
  if (parts.length === 2 && parts.every(({ whole }) => whole)) return true
  for (const { object } of parts) await cryptoki.destroy(session, object)
  return false
}

/** What the key or the token can't do, if that is what the answer means. */
function refused({ value }: CryptokiError, mechanism: Mechanism, title: string): TokenError | undefined {
  if (value === CKR.MECHANISM_INVALID || value === CKR.CURVE_NOT_SUPPORTED)
    return new TokenError('mechanism', `${title} does not have ${mechanism} for this kind of key`)
  if (value === CKR.KEY_TYPE_INCONSISTENT || value === CKR.KEY_FUNCTION_NOT_PERMITTED)
    return new TokenError(
      'key',
      `the key in ${title} may not sign by ${mechanism}: its type or its CKA_SIGN is otherwise`,
    )
  return undefined
}

function explained({ message, value }: CryptokiError, title: string): TokenError {
  if (value === CKR.TOKEN_WRITE_PROTECTED) return new TokenError('device', `${title} is write-protected`)
  return new TokenError('device', `${title} can't be used now: ${message}`)
}
