import { LOWER } from '../../dns/name.ts'

/** Every octet of a name can take two, and a label's end one. */
export const MAX_KEY = 2 * 255
const MAX_LABELS = 128
const ASTERISK = 0x2a

/**
 * An owner name as a search key: its labels below the origin, the one next to the origin first, in lower case, each ended by 0x00;
 * in them 0x00 is written 01 01 and 0x01 as 01 02. Keys compared octet by octet are in canonical order (RFC 4034 §6.1),
 * and a name is an ancestor of another exactly where its key is a prefix of the other's. The origin's key is empty.
 */
export class SearchKey {
  readonly octets = new Uint8Array(MAX_KEY + 4)
  length = 0
  /** How many labels it has below the origin. */
  labels = 0
  /** ends[n] is the length of the key of the ancestor with n labels below the origin. */
  readonly ends = new Uint16Array(MAX_LABELS)
  private readonly starts = new Uint8Array(MAX_LABELS)

  /** Takes the name at `buf[at]`, of which the first `relative` octets are the labels below the origin. */
  read(buf: Uint8Array, at: number, relative: number): void {
    const { starts, octets, ends } = this
    let labels = 0
    for (let from = 0; from < relative; from += buf[at + from]! + 1) starts[labels++] = from
    let to = 0
    for (let i = labels - 1; i >= 0; i--) {
      const from = at + starts[i]!
      const end = from + buf[from]! + 1
      for (let j = from + 1; j < end; j++) {
        const octet = LOWER[buf[j]!]!
        if (octet > 1) octets[to++] = octet
        else {
          octets[to++] = 1
          octets[to++] = octet + 1
        }
      }
      octets[to++] = 0
      ends[labels - i] = to
    }
    this.length = to
    this.labels = labels
  }

  /** Takes "*" below the ancestor of `key` that has `labels` labels: the source of synthesis (RFC 4592 §3.3.1). */
  readWildcard(key: SearchKey, labels: number): void {
    const length = key.ends[labels]!
    for (let i = 0; i <= labels; i++) this.ends[i] = key.ends[i]!
    this.ends[labels + 1] = length + 2
    for (let i = 0; i < length; i++) this.octets[i] = key.octets[i]!
    this.octets[length] = ASTERISK
    this.octets[length + 1] = 0
    this.length = length + 2
    this.labels = labels + 1
  }
}

/** Octets that the labels of the key at `octets[at]` take in wire form. */
export function labelsLength(octets: Uint8Array, at: number, length: number): number {
  let escapes = 0
  for (let i = at, end = at + length; i < end; i++) {
    if (octets[i] !== 1) continue
    escapes++
    i++
  }
  // A label's length octet stands for its end.
  return length - escapes
}

/** Writes those labels in wire form into `into` up to `end`: the key has them last to first, so each goes in front of those before it. */
export function writeLabels(octets: Uint8Array, at: number, length: number, into: Uint8Array, end: number): void {
  let next = end
  for (let i = at, stop = at + length; i < stop; i++) {
    const label = i
    while (octets[i] !== 0) i += octets[i] === 1 ? 2 : 1
    next -= labelsLength(octets, label, i + 1 - label)
    let to = next + 1
    for (let j = label; j < i; j++) into[to++] = octets[j] === 1 ? octets[++j]! - 1 : octets[j]!
    into[next] = to - next - 1
  }
}

/** Whether any label of the key is "*". */
export function hasAsterisk(octets: Uint8Array, at: number, length: number): boolean {
  for (let i = at, end = at + length, start = true; i < end; i++) {
    if (start && octets[i] === ASTERISK && octets[i + 1] === 0) return true
    start = octets[i] === 0
  }
  return false
}
