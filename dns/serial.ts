/** Whether serial `a` is newer than `b` (RFC 1982 §3.2); false where the two are 2^31 apart, for which the RFC defines no order. */
export function serialGreater(a: number, b: number): boolean {
  const distance = (a - b) >>> 0
  return distance !== 0 && distance < 0x80000000
}

/** The serial `steps` later (RFC 1982 §3.1), passing over 0, which some secondaries take for "no serial". */
export function serialAfter(serial: number, steps = 1): number {
  return (serial + steps) >>> 0 || 1
}
