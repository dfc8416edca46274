import { Rcode } from './codes.ts'
import { skipName } from './query.ts'
import { Type } from './types.ts'

const HEADER = 12
/** TYPE, CLASS, TTL, RDLENGTH. */
const FIXED = 10

/**
 * Seconds that an HTTP cache may keep the response in `octets[at, end)`: no longer than the least TTL in its answer section (RFC 8484 §5.1), or
 * than a negative answer may be kept (RFC 2308 §5): the TTL of its SOA, which is lowered to MINIMUM already. Aliases may lead to such an
 * answer. What is no answer, not at all.
 */
export function freshness(octets: Uint8Array, at: number, end: number): number {
  const rcode = octets[at + 3]! & 15
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return 0
  let next = at + HEADER
  for (let left = u16(octets, at + 4); left > 0; left--) next = skipName(octets, next, end) + 4
  const answers = u16(octets, at + 6)
  const records = answers + u16(octets, at + 8)
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < records; i++) {
    const fixed = skipName(octets, next, end)
    if (fixed < 0 || fixed + FIXED > end) return 0
    if (i < answers || u16(octets, fixed) === Type.SOA) least = Math.min(least, u32(octets, fixed + 4))
    next = fixed + FIXED + u16(octets, fixed + 8)
  }
  return Number.isFinite(least) ? least : 0
}

function u16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!
}

function u32(octets: Uint8Array, at: number): number {
  return u16(octets, at) * 0x10000 + u16(octets, at + 2)
}
