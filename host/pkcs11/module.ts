import { createRequire } from 'node:module'
import { CKF, CKR, CKU_USER } from './codes.ts'
import { CryptokiError, type Module, type TokenInfo } from './cryptoki.ts'
import { type Attributes, encodeTemplate, readTemplate } from './template.ts'

/** Places in CK_FUNCTION_LIST after its version, and parameters; a CK_ULONG is a `ulong`. */
const FUNCTIONS = {
  C_Initialize: [0, 'void *'],
  C_GetSlotList: [4, 'uint8_t', 'void *', 'void *'],
  C_GetTokenInfo: [6, 'ulong', 'void *'],
  C_OpenSession: [12, 'ulong', 'ulong', 'void *', 'void *', 'void *'],
  C_CloseSession: [13, 'ulong'],
  C_Login: [18, 'ulong', 'ulong', 'void *', 'ulong'],
  C_DestroyObject: [22, 'ulong', 'ulong'],
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

/** A module that is loaded. */
interface Bound {
  /** Makes a call; its return value. */
  call(name: FunctionName, parameters: readonly Argument[]): number
  addressOf(memory: ArrayBuffer): bigint
  /** koffi takes a library out of memory when nothing holds it, and functions found by their addresses don't. */
  library: unknown
}

/** Objects that a search looks at: more than one is too many already. */
const FOUND = 8
/** The longest signature: RSA of 8192 bits. */
const MAX_SIGNATURE = 1024
const TOKEN_INFO = 208

/** The module at that path, called on this thread: each call takes as long as the device does. It is loaded by `initialize`. */
export function openModule(path: string): Module {
  let bound: Bound | undefined
  const tryCall = (name: FunctionName, ...parameters: Argument[]) =>
    bound?.call(name, parameters) ?? CKR.CRYPTOKI_NOT_INITIALIZED
  const call = (name: FunctionName, ...parameters: Argument[]) => {
    const value = tryCall(name, ...parameters)
    if (value !== CKR.OK) throw CryptokiError.answered(name, value)
  }
  const addressOf = (memory: ArrayBuffer) => bound?.addressOf(memory) ?? 0n
  const template = (attributes: Attributes) => encodeTemplate(attributes, addressOf)

  return {
    initialize() {
      bound ??= bind(path)
      // CK_C_INITIALIZE_ARGS: no mutex functions of ours, the flags, a null pointer.
      const settings = new BigUint64Array([0n, 0n, 0n, 0n, BigInt(CKF.osLocking), 0n])
      const value = tryCall('C_Initialize', settings.buffer)
      if (value !== CKR.OK && value !== CKR.CRYPTOKI_ALREADY_INITIALIZED)
        throw CryptokiError.answered('C_Initialize', value)
    },
    tokens() {
      const count = new BigUint64Array(1)
      call('C_GetSlotList', 1, null, count.buffer)
      const slots = new BigUint64Array(Number(count[0]))
      if (slots.length === 0) return []
      call('C_GetSlotList', 1, slots.buffer, count.buffer)
      const infos: TokenInfo[] = []
      for (const slot of slots.subarray(0, Number(count[0]))) {
        const memory = new ArrayBuffer(TOKEN_INFO)
        const value = tryCall('C_GetTokenInfo', slot, memory)
        // One that is not initialized, or that was taken out meanwhile, is none for us.
        if (value === CKR.OK) infos.push(readTokenInfo(slot, memory))
      }
      return infos
    },
    openSession(slot, options) {
      const session = new BigUint64Array(1)
      const flags = CKF.serial | (options?.write ? CKF.readWrite : 0)
      call('C_OpenSession', slot, flags, null, null, session.buffer)
      return session[0]!
    },
    closeSession: session => call('C_CloseSession', session),
    login(session, pin) {
      if (!pin) return call('C_Login', session, CKU_USER, null, 0)
      const memory = new Uint8Array(pin).buffer
      try {
        call('C_Login', session, CKU_USER, memory, memory.byteLength)
      } finally {
        new Uint8Array(memory).fill(0)
      }
    },
    find(session, attributes) {
      call('C_FindObjectsInit', session, template(attributes), attributes.size)
      const [objects, count] = [new BigUint64Array(FOUND), new BigUint64Array(1)]
      try {
        call('C_FindObjects', session, objects.buffer, FOUND, count.buffer)
      } finally {
        tryCall('C_FindObjectsFinal', session)
      }
      return [...objects.subarray(0, Number(count[0]))]
    },
    attributes(session, object, types) {
      const ask = (memory: ArrayBuffer) => {
        const value = tryCall('C_GetAttributeValue', session, object, memory, types.length)
        // The others are there all the same.
        if (value !== CKR.OK && value !== CKR.ATTRIBUTE_SENSITIVE && value !== CKR.ATTRIBUTE_TYPE_INVALID)
          throw CryptokiError.answered('C_GetAttributeValue', value)
        return memory
      }
      const shown = (memory: ArrayBuffer) => readTemplate(memory, types, addressOf(memory))
      const lengths = shown(ask(template(new Map(types.map(type => [type, new Uint8Array()])))))
      const room = lengths.map(({ type, length }) => [type, new Uint8Array(length ?? 0)] as const)
      const values = shown(ask(template(new Map(room))))
      return new Map(values.flatMap(({ type, value }) => (value.length > 0 ? [[type, value] as const] : [])))
    },
    destroy: (session, object) => call('C_DestroyObject', session, object),
    generateKeyPair(session, mechanism, publicKey, privateKey) {
      const [made, own] = [new BigUint64Array(1), new BigUint64Array(1)]
      call(
        'C_GenerateKeyPair',
        ...[session, mechanismOf(mechanism), template(publicKey), publicKey.size],
        ...[template(privateKey), privateKey.size, made.buffer, own.buffer],
      )
    },
    sign(session, mechanism, key, data) {
      call('C_SignInit', session, mechanismOf(mechanism), key)
      const [signature, length] = [new ArrayBuffer(MAX_SIGNATURE), new BigUint64Array([BigInt(MAX_SIGNATURE)])]
      call('C_Sign', session, new Uint8Array(data).buffer, data.length, signature, length.buffer)
      return new Uint8Array(signature, 0, Number(length[0]))
    },
  }
}

/** Loads the module and finds its functions by way of C_GetFunctionList, the one that it must export. */
function bind(path: string): Bound {
  // The layouts of the structures are those of a 64-bit little-endian system that packs none of them.
  if (process.platform !== 'linux') throw new Error('PKCS#11 modules are loaded on Linux only')
  const koffi: Koffi = createRequire(import.meta.url)('koffi')
  // Node shows its own OpenSSL to whatever it loads: a module must find its functions in the one that it was built with.
  const library = koffi.load(path, { deep: true })
  const getFunctionList = library.func('C_GetFunctionList', 'ulong', ['_Out_ void **'])
  const list: unknown[] = [null]
  const value = Number(getFunctionList(list))
  if (value !== CKR.OK) throw CryptokiError.answered('C_GetFunctionList', value)
  const functions = new Map(
    Object.entries(FUNCTIONS).map(([name, [place, ...parameters]]) => {
      const pointer = koffi.decode(list[0], 8 * (1 + place), 'void *')
      return [name, koffi.decode(pointer, koffi.proto('ulong', parameters)) as (...parameters: unknown[]) => unknown]
    }),
  )
  return {
    library,
    call: (name, parameters) => Number(functions.get(name)!(...parameters)),
    addressOf: memory => BigInt(koffi.address(memory)),
  }
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
