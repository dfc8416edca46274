import { returnValueName } from './codes.ts'
import type { Attributes } from './template.ts'

/** A call that failed, with its return value (CKR). */
export class CryptokiError extends Error {
  override name = 'CryptokiError'
  readonly value: number
  constructor(message: string, value: number) {
    super(message)
    this.value = value
  }

  /** What a module answered other than CKR_OK. */
  static answered(call: string, value: number): CryptokiError {
    return new CryptokiError(`${call} answered ${returnValueName(value)}`, value)
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

/** What we ask of a PKCS#11 module; each call throws CryptokiError. Handles are the module's own. */
export interface Module {
  /** Loads and starts the module; one that was started before is left as it is. Throws an Error in the words of the dynamic linker. */
  initialize(): void
  tokens(): TokenInfo[]
  openSession(slot: bigint, options?: { write: boolean }): bigint
  closeSession(session: bigint): void
  /** Without a PIN, the device asks for it itself (CKF_PROTECTED_AUTHENTICATION_PATH). */
  login(session: bigint, pin: Uint8Array | undefined): void
  /** The first few objects with these attributes. */
  find(session: bigint, attributes: Attributes): bigint[]
  /** Those of the attributes that the object has and shows. */
  attributes(session: bigint, object: bigint, types: readonly number[]): Map<number, Uint8Array>
  destroy(session: bigint, object: bigint): void
  generateKeyPair(session: bigint, mechanism: number, publicKey: Attributes, privateKey: Attributes): void
  sign(session: bigint, mechanism: number, key: bigint, data: Uint8Array): Uint8Array
}

/** A module in a process of its own. Its sessions end with that process, and what is lost so is known by CKR_SESSION_HANDLE_INVALID. */
export type Cryptoki = {
  [Call in keyof Module]: (...parameters: Parameters<Module[Call]>) => Promise<ReturnType<Module[Call]>>
} & {
  /** Ends the process, and all sessions with it, and starts the module in another. */
  restart(): Promise<void>
}
