import { TextError } from './errors.ts'

/**
 * A domain name in uncompressed wire form with its root label (RFC 1035 §3.1), letters in the case they came in.
 * Compare with `equalNames` or by `nameKey`, never byte by byte.
 */
export type Name = Uint8Array

export const ROOT: Name = Uint8Array.of(0)
export const MAX_NAME = 255
export const MAX_LABEL = 63

/** LOWER[octet] is the octet with ASCII letters in lower case; other octets are themselves (RFC 4343). */
export const LOWER = Uint8Array.from({ length: 256 }, (_, octet) => (octet >= 65 && octet <= 90 ? octet + 32 : octet))

/**
 * The name that presentation text stands for (RFC 1035 §5.1; \DDD and \X escapes). Relative to `origin` unless it ends in a dot;
 * without an origin every text is absolute. "@" is not special here. Throws TextError.
 */
export function parseName(text: string, origin?: Name): Name {
  if (text === '.') return ROOT
  if (text === '') throw new TextError('a domain name may not be empty')
  // What is written past its end is lost, and more than a name may have.
  const octets = parsed
  let start = 0
  let length = 1
  const endLabel = () => {
    octets[start] = labelLength(length - start - 1, text)
    start = length++
  }
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === DOT) endLabel()
    else if (char !== BACKSLASH) octets[length++] = asciiOctet(char, text)
    else if (isDigit(text.charCodeAt(i + 1))) {
      octets[length++] = decimalOctet(text.slice(i + 1, i + 4), text)
      i += 3
    } else octets[length++] = asciiOctet(text.charCodeAt(++i), text)
  }
  if (start !== length - 1) {
    endLabel()
    if (origin) {
      for (let i = 0; i < origin.length; i++) octets[start + i] = origin[i]!
      length = start + origin.length
    } else octets[start] = 0
  } else octets[start] = 0
  if (length > MAX_NAME) throw new TextError(`"${text}" is ${length} octets long, at most 255 are allowed`)
  return octets.slice(0, length)
}

/** Where `parseName` puts octets; it is done with them before it returns. */
const parsed = new Uint8Array(2 * MAX_NAME)

const DOT = 0x2e
const BACKSLASH = 0x5c

function isDigit(char: number): boolean {
  return char >= 0x30 && char <= 0x39
}

function labelLength(length: number, text: string): number {
  if (length === 0) throw new TextError(`"${text}" has an empty label`)
  if (length > MAX_LABEL) throw new TextError(`"${text}" has a label of ${length} octets, at most 63 are allowed`)
  return length
}

function decimalOctet(digits: string, text: string): number {
  if (!/^\d{3}$/.test(digits)) throw new TextError(`"${text}" has an incomplete \\DDD escape`)
  if (Number(digits) > 255) throw new TextError(`"${text}" has the escape \\${digits}, above \\255`)
  return Number(digits)
}

function asciiOctet(char: number, text: string): number {
  if (Number.isNaN(char)) throw new TextError(`"${text}" ends in a lone backslash`)
  if (char > 126)
    throw new TextError(`"${text}" has a character that is not ASCII; write it in its xn-- form or as \\DDD`)
  return char
}

function joinOctets(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length)
  joined.set(head)
  joined.set(tail, head.length)
  return joined
}

/** Presentation form, absolute with its final dot; octets that are special in master files are escaped. */
export function printName(name: Name): string {
  if (name.length === 1) return '.'
  let text = ''
  for (let at = 0; name[at] !== 0; ) {
    const end = at + 1 + name[at]!
    for (at++; at < end; at++) text += PRINTED[name[at]!]
    text += '.'
  }
  return text
}

/** Each octet as a character of a name's presentation form: escaped where it is special in master files. */
const PRINTED = Array.from({ length: 256 }, (_, octet) => {
  if (octet <= 0x20 || octet >= 0x7f) return `\\${String(octet).padStart(3, '0')}`
  const char = String.fromCharCode(octet)
  return '."\\();@$'.includes(char) ? `\\${char}` : char
})

/** A string that is the same for names that are equal (RFC 4343): wire form in lower case, one character an octet. For Map keys. */
export function nameKey(name: Name): string {
  for (let i = 0; i < name.length; i++) lowered[i] = LOWER[name[i]!]!
  return lowered.toString('latin1', 0, name.length)
}

/** Where `nameKey` puts a name's octets; it is done with that before it returns. */
const lowered = Buffer.alloc(MAX_NAME)

/** The name of a `nameKey`. */
export function nameFromKey(key: string): Name {
  return Uint8Array.from(key, char => char.charCodeAt(0))
}

/** The name with its ASCII letters in lower case; the argument is left alone. */
export function lowerName(name: Name): Name {
  const lower = new Uint8Array(name.length)
  for (let i = 0; i < name.length; i++) lower[i] = LOWER[name[i]!]!
  return lower
}

/** Whether two names are equal, ignoring ASCII case (RFC 4343). */
export function equalNames(a: Name, b: Name): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (LOWER[a[i]!] !== LOWER[b[i]!]) return false
  return true
}

/** Whether `name` is `parent` or below it. */
export function isSubdomain(name: Name, parent: Name): boolean {
  const start = name.length - parent.length
  if (start < 0) return false
  let at = 0
  while (at < start) at += name[at]! + 1
  if (at !== start) return false
  for (let i = 0; i < parent.length; i++) if (LOWER[name[start + i]!] !== LOWER[parent[i]!]) return false
  return true
}

/** How many labels the name has; the root label is not counted (RFC 4034 §3.1.3 counts so too, less a leading asterisk). */
export function labelCount(name: Name): number {
  let count = 0
  for (let at = 0; name[at] !== 0; at += name[at]! + 1) count++
  return count
}

/** The labels, each without its length octet, leftmost first, without the root label. */
export function labelsOf(name: Name): Uint8Array[] {
  const labels: Uint8Array[] = []
  for (let at = 0; name[at] !== 0; at += name[at]! + 1) labels.push(name.subarray(at + 1, at + 1 + name[at]!))
  return labels
}

/** The name less its `count` leftmost labels. */
export function ancestorName(name: Name, count = 1): Name {
  let at = 0
  for (let i = 0; i < count; i++) {
    if (name[at] === 0) throw new RangeError('the root has no ancestor')
    at += name[at]! + 1
  }
  return name.subarray(at)
}

/** Whether the leftmost label is "*" (RFC 4592 §2.1.1). */
export function isWildcard(name: Name): boolean {
  return name[0] === 1 && name[1] === 0x2a
}

/** "*." in front of `name`, or undefined where that would be too long. */
export function wildcardOf(name: Name): Name | undefined {
  return name.length + 2 > MAX_NAME ? undefined : joinOctets(Uint8Array.of(1, 0x2a), name)
}

/** `prefix` less its root label, followed by `suffix`; undefined where that is longer than 255 octets (RFC 6672 §2.2). */
export function concatNames(prefix: Name, suffix: Name): Name | undefined {
  const length = prefix.length - 1 + suffix.length
  return length > MAX_NAME ? undefined : joinOctets(prefix.subarray(0, prefix.length - 1), suffix)
}

/** The labels of `name` left of `suffix`, as a name of its own; `name` must be at or below `suffix`. */
export function prefixOf(name: Name, suffix: Name): Name {
  return joinOctets(name.subarray(0, name.length - suffix.length), ROOT)
}

/** Canonical DNS name order (RFC 4034 §6.1): negative, zero or positive as `a` sorts before, with or after `b`. */
export function compareNames(a: Name, b: Name): number {
  const left = labelStarts(a)
  const right = labelStarts(b)
  for (let i = left.length - 1, j = right.length - 1; i >= 0 && j >= 0; i--, j--) {
    const order = compareLabels(a, left[i]!, b, right[j]!)
    if (order !== 0) return order
  }
  return left.length - right.length
}

function labelStarts(name: Name): number[] {
  const starts: number[] = []
  for (let at = 0; name[at] !== 0; at += name[at]! + 1) starts.push(at)
  return starts
}

function compareLabels(a: Name, atA: number, b: Name, atB: number): number {
  const lengthA = a[atA]!
  const lengthB = b[atB]!
  const shared = Math.min(lengthA, lengthB)
  for (let i = 1; i <= shared; i++) {
    const order = LOWER[a[atA + i]!]! - LOWER[b[atB + i]!]!
    if (order !== 0) return order
  }
  return lengthA - lengthB
}
