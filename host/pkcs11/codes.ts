/** Numbers of the PKCS#11 C API (OASIS PKCS#11 v2.40 and v3.0, `pkcs11t.h`), as far as we call it. */

/** Object classes. */
export const CKO = { publicKey: 2n, privateKey: 3n } as const

/** Key types. */
export const CKK = { rsa: 0n, ec: 3n, edwards: 0x40n } as const

/** Attributes of objects. */
export const CKA = {
  class: 0x000,
  token: 0x001,
  private: 0x002,
  label: 0x003,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  sign: 0x108,
  verify: 0x10a,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  extractable: 0x162,
  local: 0x163,
  ecParams: 0x180,
  ecPoint: 0x181,
} as const

/** Mechanisms, by their names in the standard. */
export const CKM = {
  CKM_RSA_PKCS_KEY_PAIR_GEN: 0x0000,
  CKM_SHA256_RSA_PKCS: 0x0040,
  CKM_EC_KEY_PAIR_GEN: 0x1040,
  CKM_ECDSA: 0x1041,
  CKM_EC_EDWARDS_KEY_PAIR_GEN: 0x1055,
  CKM_EDDSA: 0x1057,
} as const

/** The name of a mechanism that we use. */
export type Mechanism = keyof typeof CKM

/** Flags of sessions, tokens and of the library's start. */
export const CKF = {
  osLocking: 0x2,
  readWrite: 0x2,
  serial: 0x4,
  loginRequired: 0x4,
  protectedAuthentication: 0x100,
  initialized: 0x400,
  finalTry: 0x20000,
  locked: 0x40000,
} as const

/** The role that uses keys. */
export const CKU_USER = 1

/** Return values. */
export const CKR = {
  OK: 0x000,
  HOST_MEMORY: 0x002,
  GENERAL_ERROR: 0x005,
  FUNCTION_FAILED: 0x006,
  ATTRIBUTE_SENSITIVE: 0x011,
  ATTRIBUTE_TYPE_INVALID: 0x012,
  ATTRIBUTE_VALUE_INVALID: 0x013,
  DEVICE_ERROR: 0x030,
  DEVICE_MEMORY: 0x031,
  DEVICE_REMOVED: 0x032,
  KEY_HANDLE_INVALID: 0x060,
  KEY_SIZE_RANGE: 0x062,
  KEY_TYPE_INCONSISTENT: 0x063,
  KEY_FUNCTION_NOT_PERMITTED: 0x068,
  MECHANISM_INVALID: 0x070,
  OBJECT_HANDLE_INVALID: 0x082,
  PIN_INCORRECT: 0x0a0,
  PIN_INVALID: 0x0a1,
  PIN_LEN_RANGE: 0x0a2,
  PIN_EXPIRED: 0x0a3,
  PIN_LOCKED: 0x0a4,
  SESSION_CLOSED: 0x0b0,
  SESSION_HANDLE_INVALID: 0x0b3,
  TEMPLATE_INCONSISTENT: 0x0d1,
  SLOT_ID_INVALID: 0x003,
  TOKEN_NOT_PRESENT: 0x0e0,
  TOKEN_NOT_RECOGNIZED: 0x0e1,
  TOKEN_WRITE_PROTECTED: 0x0e2,
  USER_ALREADY_LOGGED_IN: 0x100,
  USER_NOT_LOGGED_IN: 0x101,
  USER_PIN_NOT_INITIALIZED: 0x102,
  CURVE_NOT_SUPPORTED: 0x140,
  CRYPTOKI_NOT_INITIALIZED: 0x190,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
} as const

/** "CKR_PIN_LOCKED", or the number of one that is not listed. */
export function returnValueName(value: number): string {
  const found = Object.entries(CKR).find(([, code]) => code === value)
  return found ? `CKR_${found[0]}` : `0x${value.toString(16)}`
}
