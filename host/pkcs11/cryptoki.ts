import { createRequire } from 'node:module'
import { CKF, CKR, CKU_USER, returnValueName } from './codes.ts'
import { type Attributes, encodeTemplate, readTemplate } from './template.ts'

/** A call that the module answered with something else than CKR_OK. */
export class CryptokiError extends Error {
  override name = 'CryptokiError'
  readonly value: number
  constructor(call: string, value: number) {
    super(`${call} answered ${returnValueName(value)}`)
    this.value = value
  }
}

/** What a token says of itself (CK_TOKEN_INFO). */
export interface TokenInfo {
  slot: bigint
  label: string
  manufacturer: string
  model: string
  serial: string
  flags: number
}

/** The functions of a PKCS#11 module that we use; each call is made on another thread, and rejects with CryptokiError. Handles are its own. */
export interface Cryptoki {
  /** Starts the module; one that was started before is left as it is. */
  initialize(): Promise<void>
  tokens(): Promise<TokenInfo[]>
  openSession(slot: bigint, options?: { write: boolean }): Promise<bigint>
  closeSession(session: bigint): Promise<void>
  /** Without a PIN, the device asks for it itself (CKF_PROTECTED_AUTHENTICATION_PATH). */
  login(session: bigint, pin: Uint8Array | undefined): Promise<void>
  /** The first few objects with these attributes. */
  find(session: bigint, attributes: Attributes): Promise<bigint[]>
  /** Those of the attributes that the object has and shows. */
  attributes(session: bigint, object: bigint, types: readonly number[]): Promise<Map<number, Uint8Array>>
  generateKeyPair(
    session: bigint,
    mechanism: number,
    publicKey: Attributes,
    privateKey: Attributes,
  ): Promise<{ publicKey: bigint; privateKey: bigint }>
  sign(session: bigint, mechanism: number, key: bigint, data: Uint8Array): Promise<Uint8Array>
}

/** Places in CK_FUNCTION_LIST after its version, and parameters; a CK_ULONG is a `ulong`. */
const FUNCTIONS = {
  C_Initialize: [0, 'void *'],
  C_GetSlotList: [4, 'uint8_t', 'void *', 'void *'],
  C_GetTokenInfo: [6, 'ulong', 'void *'],
  C_OpenSession: [12, 'ulong', 'ulong', 'void *', 'void *', 'void *'],
  C_CloseSession: [13, 'ulong'],
  C_Login: [18, 'ulong', 'ulong', 'void *', 'ulong'],
  C_GetAttributeValue: [24, 'ulong', 'ulong', 'void *', 'ulong'],
  C_FindObjectsInit: [26, 'ulong', 'void *', 'ulong'],
  C_FindObjects: [27, 'ulong', 'void *', 'ulong', 'void *'],
  C_FindObjectsFinal: [28, 'ulong'],
  C_SignInit: [42, 'ulong', 'void *', 'ulong'],
  C_Sign: [43, 'ulong', 'void *', 'ulong', 'void *', 'void *'],
  C_GenerateKeyPair: [59, 'ulong', 'void *', 'void *', 'ulong', 'void *', 'ulong', 'void *', 'void *'],
} as const satisfies Record<string, readonly [number, ...string[]]>

type FunctionName = keyof typeof FUNCTIONS
type Koffi = typeof import('koffi')
type Argument = bigint | number | ArrayBuffer | null
type Call = (...parameters: unknown[]) => void

/** Objects that a search looks at: more than one is too many already. */
const FOUND = 8
/** The longest signature: RSA of 8192 bits. */
const MAX_SIGNATURE = 1024
const TOKEN_INFO = 208

/** Loads the module. Throws an Error in the words of the dynamic linker, or of koffi where that does not work here. */
export function loadCryptoki(path: string): Cryptoki {
  // The layouts of the structures are those of a 64-bit little-endian system that packs none of them.
  if (process.platform !== 'linux') throw new Error('PKCS#11 modules are loaded on Linux only')
  const koffi: Koffi = createRequire(import.meta.url)('koffi')
  const functions = bindFunctions(koffi, path)
  /** Memory that calls under way are using. */
  const inUse = new Set<readonly Argument[]>()
  const addressOf = (memory: ArrayBuffer) => BigInt(koffi.address(memory))
  const tryCall = (name: FunctionName, ...parameters: Argument[]) =>
    new Promise<number>((resolve, reject) => {
      inUse.add(parameters)
      const plain = parameters.map(one => (one instanceof ArrayBuffer ? addressOf(one) : one))
      functions[name](...plain, (error: unknown, value: number) => {
        inUse.delete(parameters)
        if (error) reject(error)
        else resolve(Number(value))
      })
    })
  const call = async (name: FunctionName, ...parameters: Argument[]) => {
    const value = await tryCall(name, ...parameters)
    if (value !== CKR.OK) throw new CryptokiError(name, value)
  }
  const template = (attributes: Attributes) => encodeTemplate(attributes, addressOf)
  const start = async () => {
    // CK_C_INITIALIZE_ARGS: no mutex functions of ours, the flags, a null pointer.
    const settings = new BigUint64Array([0n, 0n, 0n, 0n, BigInt(CKF.osLocking), 0n])
    const value = await tryCall('C_Initialize', settings.buffer)
    if (value !== CKR.OK && value !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw new CryptokiError('C_Initialize', value)
  }
  let starting: Promise<void> | undefined

  return {
    // PKCS#11 §5.4: two tokens of one module are connected to at once, and it may be started by one thread alone.
    initialize() {
      starting ??= start().finally(() => {
        starting = undefined
      })
      return starting
    },
    async tokens() {
      const count = new BigUint64Array(1)
      await call('C_GetSlotList', 1, null, count.buffer)
      const slots = new BigUint64Array(Number(count[0]))
      if (slots.length === 0) return []
      await call('C_GetSlotList', 1, slots.buffer, count.buffer)
      const infos: TokenInfo[] = []
      for (const slot of slots.subarray(0, Number(count[0]))) {
        const memory = new ArrayBuffer(TOKEN_INFO)
        const value = await tryCall('C_GetTokenInfo', slot, memory)
        // One that is not initialized, or that was taken out meanwhile, is none for us.
        if (value === CKR.OK) infos.push(readTokenInfo(slot, memory))
      }
      return infos
    },
    async openSession(slot, options) {
      const session = new BigUint64Array(1)
      const flags = CKF.serial | (options?.write ? CKF.readWrite : 0)
      await call('C_OpenSession', slot, flags, null, null, session.buffer)
      return session[0]!
    },
    closeSession: session => call('C_CloseSession', session),
    async login(session, pin) {
      if (!pin) return call('C_Login', session, CKU_USER, null, 0)
      const memory = new Uint8Array(pin).buffer
      try {
        await call('C_Login', session, CKU_USER, memory, memory.byteLength)
      } finally {
        new Uint8Array(memory).fill(0)
      }
    },
    async find(session, attributes) {
      await call('C_FindObjectsInit', session, template(attributes), attributes.size)
      const [objects, count] = [new BigUint64Array(FOUND), new BigUint64Array(1)]
      try {
        await call('C_FindObjects', session, objects.buffer, FOUND, count.buffer)
      } finally {
        await tryCall('C_FindObjectsFinal', session)
      }
      return [...objects.subarray(0, Number(count[0]))]
    },
    async attributes(session, object, types) {
      const ask = async (memory: ArrayBuffer) => {
        const value = await tryCall('C_GetAttributeValue', session, object, memory, types.length)
        // The others are there all the same.
        if (value !== CKR.OK && value !== CKR.ATTRIBUTE_SENSITIVE && value !== CKR.ATTRIBUTE_TYPE_INVALID)
          throw new CryptokiError('C_GetAttributeValue', value)
        return memory
      }
      const shown = (memory: ArrayBuffer) => readTemplate(memory, types, addressOf(memory))
      const lengths = shown(await ask(template(new Map(types.map(type => [type, new Uint8Array()])))))
      const room = lengths.map(({ type, length }) => [type, new Uint8Array(length ?? 0)] as const)
      const values = shown(await ask(template(new Map(room))))
      return new Map(values.flatMap(({ type, value }) => (value.length > 0 ? [[type, value] as const] : [])))
    },
    async generateKeyPair(session, mechanism, publicKey, privateKey) {
      const [made, own] = [new BigUint64Array(1), new BigUint64Array(1)]
      await call(
        'C_GenerateKeyPair',
        ...[session, mechanismOf(mechanism), template(publicKey), publicKey.size],
        ...[template(privateKey), privateKey.size, made.buffer, own.buffer],
      )
      return { publicKey: made[0]!, privateKey: own[0]! }
    },
    async sign(session, mechanism, key, data) {
      await call('C_SignInit', session, mechanismOf(mechanism), key)
      const [signature, length] = [new ArrayBuffer(MAX_SIGNATURE), new BigUint64Array([BigInt(MAX_SIGNATURE)])]
      await call('C_Sign', session, new Uint8Array(data).buffer, data.length, signature, length.buffer)
      return new Uint8Array(signature, 0, Number(length[0]))
    },
  }
}

/** Keeps modules where they are: koffi takes a library out of memory when nothing holds it, and functions found by their addresses don't. */
const libraries = new Map<string, unknown>()

/** The functions by way of C_GetFunctionList, the one that a module must export. */
function bindFunctions(koffi: Koffi, path: string): Record<FunctionName, Call> {
  // Node shows its own OpenSSL to whatever it loads: a module must find its functions in the one that it was built with.
  const library = koffi.load(path, { deep: true })
  libraries.set(path, library)
  const getFunctionList = library.func('C_GetFunctionList', 'ulong', ['_Out_ void **'])
  const list: unknown[] = [null]
  const value = Number(getFunctionList(list))
  if (value !== CKR.OK) throw new CryptokiError('C_GetFunctionList', value)
  const bound = Object.entries(FUNCTIONS).map(([name, [place, ...parameters]]) => {
    const pointer = koffi.decode(list[0], 8 * (1 + place), 'void *')
    return [name, koffi.decode(pointer, koffi.proto('ulong', parameters)).async]
  })
  return Object.fromEntries(bound) as Record<FunctionName, Call>
}

/** A CK_MECHANISM without a parameter. */
function mechanismOf(mechanism: number): ArrayBuffer {
  return new BigUint64Array([BigInt(mechanism), 0n, 0n]).buffer
}

function readTokenInfo(slot: bigint, memory: ArrayBuffer): TokenInfo {
  // Texts are padded with blanks, and end with no zero.
  const text = (start: number, length: number) => Buffer.from(memory, start, length).toString('utf8').trimEnd()
  const flags = Number(new DataView(memory).getBigUint64(96, true))
  return { slot, label: text(0, 32), manufacturer: text(32, 32), model: text(64, 16), serial: text(80, 16), flags }
}
