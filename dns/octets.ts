/** A copy on memory of its own. Never `slice()`: of a Buffer that is a view, and what is written to it is written to the original. */
export function copyOctets(octets: Uint8Array, from = 0, to: number = octets.length): Uint8Array {
  return new Uint8Array(octets.subarray(from, to))
}

/** The 32-bit number at `octets[at]`, most significant octet first. */
export function u32At(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0
}
