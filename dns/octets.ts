/** A copy on memory of its own. Never `slice()`: of a Buffer that is a view, and what is written to it is written to the original. */
export function copyOctets(octets: Uint8Array, from = 0, to: number = octets.length): Uint8Array {
  const length = Math.min(to, octets.length) - from
  if (length > SHORT) return new Uint8Array(octets.subarray(from, to))
  const copy = new Uint8Array(length)
  for (let i = 0; i < copy.length; i++) copy[i] = octets[from + i]!
  return copy
}

/** Up to here a loop is faster than another view of the octets, as most names and addresses are. */
const SHORT = 64

/** The 32-bit number at `octets[at]`, most significant octet first. */
export function u32At(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0
}
