import { TextError } from './errors.ts'
import type { Field } from './fields.ts'

/** An IPv4 address: four octets (RFC 1035 §3.4.1). */
export const ipv4: Field<Uint8Array> = {
  octets: 4,
  read: reader => reader.bytes(4),
  write: (writer, value) => writer.bytes(value),
  print: printIpv4,
  parse: tokens => parseIpv4(tokens.word('an IPv4 address')),
}

/** An IPv6 address: sixteen octets (RFC 3596 §2.2). */
export const ipv6: Field<Uint8Array> = {
  octets: 16,
  read: reader => reader.bytes(16),
  write: (writer, value) => writer.bytes(value),
  print: printIpv6,
  parse: tokens => parseIpv6(tokens.word('an IPv6 address')),
}

/** Dotted decimal, four numbers without leading zeros. */
export function parseIpv4(text: string): Uint8Array {
  const octets = new Uint8Array(4)
  let at = 0
  for (let i = 0; i < 4; i++) {
    const start = at
    let value = 0
    for (let digit = digitAt(text, at); digit >= 0 && at < start + 3; digit = digitAt(text, ++at))
      value = value * 10 + digit
    const digits = at - start
    const leadingZero = digits > 1 && digitAt(text, start) === 0
    const ended = i < 3 ? text[at++] === '.' : at === text.length
    if (digits === 0 || value > 255 || leadingZero || !ended) throw new TextError(`"${text}" is not an IPv4 address`)
    octets[i] = value
  }
  return octets
}

/** The digit at `at`, or something negative or beyond 9 where there is none. */
function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 0x30
  return digit <= 9 ? digit : -1
}

export function printIpv4(octets: Uint8Array): string {
  return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`
}

/** RFC 4291 §2.2, all three forms; no zone identifier. */
export function parseIpv6(text: string): Uint8Array {
  const refuse = () => new TextError(`"${text}" is not an IPv6 address`)
  const halves = text.split('::')
  if (halves.length > 2) throw refuse()
  const [head, tail] = halves.map(half => parseGroups(half, refuse))
  const given = head!.length + (tail?.length ?? 0)
  // RFC 4291 §2.2: "::" stands for one or more groups of zeros.
  if (tail ? given > 14 : given !== 16) throw refuse()
  const octets = new Uint8Array(16)
  octets.set(head!)
  if (tail) octets.set(tail, 16 - tail.length)
  return octets
}

function parseGroups(text: string, refuse: () => TextError): number[] {
  if (text === '') return []
  const groups = text.split(':')
  return groups.flatMap((group, i) => {
    if (i === groups.length - 1 && group.includes('.')) return [...parseIpv4(group)]
    if (!/^[0-9a-f]{1,4}$/i.test(group)) throw refuse()
    const value = Number.parseInt(group, 16)
    return [value >>> 8, value & 0xff]
  })
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) shortened. */
export function printIpv6(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (octets[2 * i]! << 8) | octets[2 * i + 1]!)
  // RFC 5952 §5: the well-known prefix ::ffff:0:0/96 is written with its IPv4 address.
  if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff)
    return `::ffff:${printIpv4(octets.subarray(12))}`
  const run = longestZeroRun(groups)
  const print = (part: number[]) => part.map(group => group.toString(16)).join(':')
  if (run.length < 2) return print(groups)
  return `${print(groups.slice(0, run.start))}::${print(groups.slice(run.start + run.length))}`
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
