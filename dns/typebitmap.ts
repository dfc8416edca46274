import { WireError } from './errors.ts'
import { type Field, parseType, type TypeNames } from './fields.ts'
import type { Reader, Writer } from './wire.ts'

/** The Type Bit Maps of NSEC, NSEC3 and CSYNC (RFC 4034 §4.1.2): record types in ascending order, to the end of the RDATA. */
export function typeBitmap(names: TypeNames): Field<number[]> {
  return {
    read: readBitmap,
    write: writeBitmap,
    print: types => types.map(type => names.print(type)).join(' '),
    parse: tokens => {
      const types = new Set<number>()
      while (tokens.more) types.add(parseType(tokens.word('a type'), names))
      return [...types].sort((a, b) => a - b)
    },
  }
}

function readBitmap(reader: Reader): number[] {
  const types: number[] = []
  let previous = -1
  while (reader.left > 0) {
    const at = reader.pos
    const window = reader.u8()
    const bitmap = reader.bytes(reader.u8())
    if (window <= previous) throw new WireError('type bitmap windows are out of order', at)
    if (bitmap.length === 0 || bitmap.length > 32) throw new WireError(`a type bitmap of ${bitmap.length} octets`, at)
    // RFC 4034 §4.1.2: trailing octets of zero are left out.
    if (bitmap.at(-1) === 0) throw new WireError('a type bitmap ends in zero', at)
    bitmap.forEach((octet, i) => {
      for (let bit = 0; bit < 8; bit++) if (octet & (0x80 >>> bit)) types.push((window << 8) | (i << 3) | bit)
    })
    previous = window
  }
  return types
}

function writeBitmap(writer: Writer, types: readonly number[]): void {
  const windows = new Map<number, Uint8Array>()
  for (const type of [...types].sort((a, b) => a - b)) {
    const bitmap = windows.get(type >>> 8) ?? new Uint8Array(32)
    bitmap[(type & 0xff) >>> 3]! |= 0x80 >>> (type & 7)
    windows.set(type >>> 8, bitmap)
  }
  for (const [window, bitmap] of windows) {
    const length = bitmap.findLastIndex(octet => octet !== 0) + 1
    writer.u8(window)
    writer.u8(length)
    writer.bytes(bitmap.subarray(0, length))
  }
}
