import { LOWER, type Name } from '../../dns/name.ts'
import { copyOctets } from '../../dns/octets.ts'

/** An uncompressed name where it lies: in a query, a zone image or a scratch buffer. Set again and again; copies nothing. */
export class NameRef {
  buf: Uint8Array = new Uint8Array(1)
  at = 0
  /** With the root label. */
  length = 1

  set(buf: Uint8Array, at: number, length: number): void {
    this.buf = buf
    this.at = at
    this.length = length
  }

  /** Takes the ancestor of `name` that is left when its `labels` leftmost labels are cut off. */
  setAncestor(name: NameRef, labels: number): void {
    let at = name.at
    for (let i = 0; i < labels; i++) at += name.buf[at]! + 1
    this.set(name.buf, at, name.length - (at - name.at))
  }

  equals(other: NameRef): boolean {
    return this.length === other.length && this.endsIn(other, 0)
  }

  isAtOrBelow(other: NameRef): boolean {
    const start = this.length - other.length
    let offset = 0
    while (offset < start) offset += this.buf[this.at + offset]! + 1
    return offset === start && this.endsIn(other, start)
  }

  /** A copy. */
  toName(): Name {
    return copyOctets(this.buf, this.at, this.at + this.length)
  }

  private endsIn(other: NameRef, start: number): boolean {
    const { buf, at } = this
    for (let i = 0; i < other.length; i++)
      if (LOWER[buf[at + start + i]!] !== LOWER[other.buf[other.at + i]!]) return false
    return true
  }
}

/** The offset after the uncompressed name at `buf[at]`. */
export function endOfName(buf: Uint8Array, at: number): number {
  let end = at
  while (buf[end] !== 0) end += buf[end]! + 1
  return end + 1
}
