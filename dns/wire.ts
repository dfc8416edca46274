import { WireError } from './errors.ts'
import { LOWER, MAX_LABEL, MAX_NAME, type Name, ROOT } from './name.ts'
import { copyOctets, u32At } from './octets.ts'

/** Where `Reader.name` puts labels together; it is done with that before it returns. */
const assembled = new Uint8Array(MAX_NAME)

/** Reads a DNS message or an RDATA in order. Every method throws WireError where the octets don't suffice. */
export class Reader {
  readonly buf: Uint8Array
  pos: number
  /** First octet that may not be read. */
  end: number

  constructor(buf: Uint8Array, pos = 0, end = buf.length) {
    this.buf = buf
    this.pos = pos
    this.end = end
  }

  get left(): number {
    return this.end - this.pos
  }

  private need(octets: number): number {
    const at = this.pos
    if (octets > this.end - at) throw new WireError(`${octets} octets expected, ${this.end - at} left`, at)
    this.pos = at + octets
    return at
  }

  u8(): number {
    return this.buf[this.need(1)]!
  }

  u16(): number {
    const at = this.need(2)
    return (this.buf[at]! << 8) | this.buf[at + 1]!
  }

  u32(): number {
    return u32At(this.buf, this.need(4))
  }

  u48(): number {
    return this.u16() * 2 ** 32 + this.u32()
  }

  /** A copy of the next octets. */
  bytes(length: number): Uint8Array {
    const at = this.need(length)
    return copyOctets(this.buf, at, at + length)
  }

  /** A copy of all octets that are left. */
  rest(): Uint8Array {
    return this.bytes(this.left)
  }

  /** A name, decompressed (RFC 1035 §4.1.4). Pointers may only lead backwards, so that no chain of them is endless. */
  name(): Name {
    const buf = this.buf
    const octets = assembled
    let length = 0
    let at = this.pos
    let end = this.end
    let lowest = this.pos
    let after = -1
    for (;;) {
      if (at >= end) throw new WireError('a name runs past the end', at)
      const octet = buf[at]!
      if (octet >= 0xc0) {
        if (at + 1 >= end) throw new WireError('a compression pointer runs past the end', at)
        const target = ((octet & 0x3f) << 8) | buf[at + 1]!
        if (target >= lowest) throw new WireError('a compression pointer does not lead backwards', at)
        if (after < 0) after = at + 2
        end = lowest
        lowest = target
        at = target
      } else if (octet > MAX_LABEL) throw new WireError('a label of unknown type', at)
      else if (octet === 0) {
        this.pos = after < 0 ? at + 1 : after
        if (length === 0) return ROOT
        octets[length++] = 0
        return copyOctets(octets, 0, length)
      } else {
        // One octet is kept for the root label.
        if (length + octet + 1 > MAX_NAME - 1) throw new WireError('a name is longer than 255 octets', at)
        if (at + octet + 1 > end) throw new WireError('a label runs past the end', at)
        for (const next = at + octet + 1; at < next; at++) octets[length++] = buf[at]!
      }
    }
  }
}

/** Pointers have 14 bits (RFC 1035 §4.1.4). */
const LAST_POINTER_TARGET = 0x3fff

/** Writes a DNS message or an RDATA into a buffer that grows. */
export class Writer {
  buf: Uint8Array
  pos = 0
  /** Names already written, by lower-case wire form, where compression is wanted (only ever at the message's start). */
  private readonly targets: Map<string, number> | undefined

  constructor(options: { size?: number; compress?: boolean } = {}) {
    this.buf = new Uint8Array(options.size ?? 512)
    this.targets = options.compress ? new Map() : undefined
  }

  private need(octets: number): number {
    const at = this.pos
    if (at + octets > this.buf.length) {
      const grown = new Uint8Array(Math.max(this.buf.length * 2, at + octets))
      grown.set(this.buf)
      this.buf = grown
    }
    this.pos = at + octets
    return at
  }

  u8(value: number): void {
    const at = this.need(1)
    this.buf[at] = value
  }

  u16(value: number): void {
    const at = this.need(2)
    this.buf[at] = value >>> 8
    this.buf[at + 1] = value
  }

  u32(value: number): void {
    const at = this.need(4)
    this.buf[at] = value >>> 24
    this.buf[at + 1] = value >>> 16
    this.buf[at + 2] = value >>> 8
    this.buf[at + 3] = value
  }

  u48(value: number): void {
    this.u16(Math.floor(value / 2 ** 32))
    this.u32((value % 2 ** 32) >>> 0)
  }

  bytes(bytes: Uint8Array): void {
    const at = this.need(bytes.length)
    this.buf.set(bytes, at)
  }

  /** Overwrites 16 bits written earlier: a count or a length that is known only now. */
  patchU16(at: number, value: number): void {
    this.buf[at] = value >>> 8
    this.buf[at + 1] = value
  }

  /** A name; with `compress` it may end in a pointer to an earlier one (RFC 1035 §4.1.4), and later ones may point to it. */
  name(name: Name, compress = true): void {
    const targets = this.targets
    if (!targets || name.length === 1) {
      this.bytes(name)
      return
    }
    for (let at = 0; name[at] !== 0; at += name[at]! + 1) {
      const key = suffixKey(name, at)
      const target = targets.get(key)
      if (compress && target !== undefined) {
        this.u16(0xc000 | target)
        return
      }
      if (target === undefined && this.pos <= LAST_POINTER_TARGET) targets.set(key, this.pos)
      this.bytes(name.subarray(at, at + 1 + name[at]!))
    }
    this.u8(0)
  }

  /** Takes back all that was written since `pos` was `at`, targets included. */
  truncate(at: number): void {
    this.pos = at
    if (this.targets) for (const [key, target] of this.targets) if (target >= at) this.targets.delete(key)
  }

  /** A copy of the octets written so far. */
  copy(): Uint8Array {
    return this.buf.slice(0, this.pos)
  }

  /** The octets written: not to be written to any more. */
  take(): Uint8Array {
    return this.pos === this.buf.length ? this.buf : this.copy()
  }

  /** The octets written so far; a view, valid until the next write. */
  done(): Uint8Array {
    return this.buf.subarray(0, this.pos)
  }
}

function suffixKey(name: Name, from: number): string {
  let key = ''
  for (let i = from; i < name.length; i++) key += String.fromCharCode(LOWER[name[i]!]!)
  return key
}
