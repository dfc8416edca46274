/** Attributes of an object by their type; numbers are CK_ULONGs. */
export type Attributes = ReadonlyMap<number, Uint8Array | bigint | boolean>

/** Octets of a CK_ATTRIBUTE: its type, where its value is, and how long. */
const ENTRY = 24
/** A value that the token does not show (CK_UNAVAILABLE_INFORMATION). */
const UNAVAILABLE = 0xffff_ffff_ffff_ffffn

/** An array of CK_ATTRIBUTE and, behind it, the values that it points at; an empty value is a null pointer, which asks for the length. */
export function encodeTemplate(attributes: Attributes, addressOf: (memory: ArrayBuffer) => bigint): ArrayBuffer {
  const entries = [...attributes].map(([type, value]) => ({ type, octets: octetsOf(value) }))
  const memory = new ArrayBuffer(
    entries.reduce((size, { octets }) => size + aligned(octets.length), entries.length * ENTRY),
  )
  const base = addressOf(memory)
  const view = new DataView(memory)
  let at = entries.length * ENTRY
  for (const [i, { type, octets }] of entries.entries()) {
    view.setBigUint64(i * ENTRY, BigInt(type), true)
    view.setBigUint64(i * ENTRY + 8, octets.length === 0 ? 0n : base + BigInt(at), true)
    view.setBigUint64(i * ENTRY + 16, BigInt(octets.length), true)
    new Uint8Array(memory, at).set(octets)
    at += aligned(octets.length)
  }
  return memory
}

/** What a token has filled in: of each attribute its length, undefined where it has or shows none, and the value where there was room. */
export function readTemplate(
  memory: ArrayBuffer,
  types: readonly number[],
  base: bigint,
): { type: number; length: number | undefined; value: Uint8Array }[] {
  const view = new DataView(memory)
  return types.map((type, i) => {
    const pointer = view.getBigUint64(i * ENTRY + 8, true)
    const length = view.getBigUint64(i * ENTRY + 16, true)
    if (length === UNAVAILABLE) return { type, length: undefined, value: new Uint8Array() }
    const value = pointer === 0n ? new Uint8Array() : new Uint8Array(memory, Number(pointer - base), Number(length))
    return { type, length: Number(length), value }
  })
}

function octetsOf(value: Uint8Array | bigint | boolean): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0)
  return typeof value === 'bigint' ? new Uint8Array(new BigUint64Array([value]).buffer) : value
}

/** Numbers are read in place by some modules. */
function aligned(length: number): number {
  return Math.ceil(length / 8) * 8
}
