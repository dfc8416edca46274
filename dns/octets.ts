/** A copy on memory of its own. Never `slice()`: of a Buffer that is a view, and what is written to it is written to the original. */
export function copyOctets(octets: Uint8Array, from = 0, to: number = octets.length): Uint8Array {
  return new Uint8Array(octets.subarray(from, to))
}
