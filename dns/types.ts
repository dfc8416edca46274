import { Class, className } from './codes.ts'
import { TextError, WireError } from './errors.ts'
import { type Name, printName } from './name.ts'
import { type AnyField, type Rdata, TYPES, type TypeName, type TypeRow, typeName } from './table.ts'
import { parseHex, parseNumber, printHex } from './text.ts'
import { scanTokens, type Tokens } from './tokens.ts'
import { Reader, Writer } from './wire.ts'

export { isMetaType, type Rdata, TYPES, Type, type TypeName, typeCode, typeName } from './table.ts'

/** What the functions below need of a row, worked out once. */
interface Layout {
  readonly fields: readonly (readonly [key: string, field: AnyField])[]
  /** Octets of an RDATA that is good as it is, where that is all there is to say. */
  readonly octets: number | undefined
  readonly compresses: boolean
  /** Its canonical form may differ. */
  readonly hasCanonical: boolean
  /** Where the names lie that are then in lower case: so many, from this octet on; undefined where that is not always the same. */
  readonly lowered: { at: number; names: number } | undefined
  readonly target: string | undefined
  readonly onlyIn: boolean
}

const LAYOUTS = new Map<number, Layout>(Object.values(TYPES).map(row => [row.code, layoutOf(row)]))

function layoutOf(row: TypeRow): Layout {
  const fields = Object.entries(row.fields)
  return {
    fields,
    octets: fields.length === 1 ? fields[0]![1].octets : undefined,
    compresses: fields.some(([, field]) => field.compresses),
    hasCanonical: fields.some(([, field]) => field.canonical),
    lowered: loweredNames(fields.map(([, field]) => field)),
    target: row.target,
    onlyIn: row.onlyIn ?? false,
  }
}

function loweredNames(fields: readonly AnyField[]): Layout['lowered'] {
  const first = fields.findIndex(field => field.canonical)
  const at = fields.slice(0, first).reduce((sum, { octets = Number.NaN }) => sum + octets, 0)
  return Number.isNaN(at) ? undefined : { at, names: fields.filter(field => field.canonical).length }
}

/**
 * The RDATA of a message, checked against its type and with its names decompressed (RFC 3597 §4). Empty RDATA passes where the class
 * is ANY or NONE, as UPDATE has it (RFC 2136 §2.4, §2.5).
 */
export function decompressRdata(type: number, rrclass: number, reader: Reader, length: number): Uint8Array {
  const layout = LAYOUTS.get(type)
  if (length === 0 && (rrclass === Class.ANY || rrclass === Class.NONE)) return new Uint8Array()
  if (!layout || (layout.onlyIn && (rrclass === Class.CH || rrclass === Class.HS))) return reader.bytes(length)
  if (length > reader.left) throw new WireError('RDATA runs past the end', reader.pos)
  if (length === layout.octets) return reader.bytes(length)
  const inner = new Reader(reader.buf, reader.pos, reader.pos + length)
  const rdata = rewrite(layout, inner, false)
  reader.pos += length
  return rdata
}

/** Reads every field and writes it again: decompressed, or in canonical form. */
function rewrite(layout: Layout, reader: Reader, canonical: boolean): Uint8Array {
  const writer = new Writer({ size: Math.max(reader.left, 32) })
  for (const [, field] of layout.fields) {
    const value = field.read(reader)
    if (canonical && field.canonical) field.canonical(writer, value)
    else field.write(writer, value)
  }
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last field`, reader.pos)
  return writer.copy()
}

/** Writes RDATA into a message; the names of RFC 1035's types may be compressed, no others (RFC 3597 §4). */
export function writeRdata(type: number, writer: Writer, rdata: Uint8Array): void {
  const layout = LAYOUTS.get(type)
  if (!layout?.compresses || rdata.length === 0) {
    writer.bytes(rdata)
    return
  }
  const reader = new Reader(rdata)
  for (const [, field] of layout.fields) field.write(writer, field.read(reader))
}

/** Canonical form (RFC 4034 §6.2, with RFC 6840 §5.1): what is signed, sorted and compared. */
export function canonicalRdata(type: number, rdata: Uint8Array): Uint8Array {
  const layout = LAYOUTS.get(type)
  if (!layout?.hasCanonical || !hasCapitals(layout, rdata)) return rdata
  return rewrite(layout, new Reader(rdata), true)
}

/** Whether a name that canonical form has in lower case may have capital letters: where none has, reading the fields is not needed. */
function hasCapitals({ lowered }: Layout, rdata: Uint8Array): boolean {
  let end = rdata.length
  if (lowered) {
    end = lowered.at
    for (let name = 0; name < lowered.names; name++, end++) while (rdata[end]! > 0) end += rdata[end]! + 1
  }
  for (let at = lowered?.at ?? 0; at < end; at++) if (rdata[at]! >= CAPITAL_A && rdata[at]! <= CAPITAL_Z) return true
  return false
}

const CAPITAL_A = 0x41
const CAPITAL_Z = 0x5a

/** RDATA as the fields of its type. Throws WireError where it does not fit. */
export function readRdata<N extends TypeName>(mnemonic: N, rdata: Uint8Array): Rdata<N> {
  const reader = new Reader(rdata)
  const fields: Record<string, unknown> = {}
  for (const [key, field] of LAYOUTS.get(TYPES[mnemonic].code)!.fields) fields[key] = field.read(reader)
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last field`, reader.pos)
  return fields as Rdata<N>
}

/** The RDATA of a type's fields. */
export function makeRdata<N extends TypeName>(mnemonic: N, fields: Rdata<N>): Uint8Array {
  const writer = new Writer({ size: 64 })
  for (const [key, field] of LAYOUTS.get(TYPES[mnemonic].code)!.fields)
    field.write(writer, fields[key as keyof Rdata<N>])
  return writer.copy()
}

/** The RDATA that presentation tokens stand for, all of which it must take; `writer` may be lent by a caller with many. Throws TextError. */
export function parseRdata(type: number, tokens: Tokens, origin?: Name, writer = new Writer({ size: 64 })): Uint8Array {
  const layout = LAYOUTS.get(type)
  if (tokens.wordIf(text => text === '\\#') !== undefined) return parseGeneric(layout, tokens)
  if (!layout) throw new TextError(`data of ${typeName(type)} is known in the form "\\# length hexadecimal" only`)
  writer.pos = 0
  for (const [, field] of layout.fields) field.write(writer, field.parse(tokens, origin))
  if (tokens.more) throw new TextError(`"${tokens.next('').text}" is more than a ${typeName(type)} record takes`)
  return checkLength(writer.copy())
}

function checkLength(rdata: Uint8Array): Uint8Array {
  if (rdata.length > 0xffff) throw new TextError(`${rdata.length} octets of data, at most 65535 are allowed`)
  return rdata
}

/** RFC 3597 §5: \# length hexadecimal, for any type; what is known by its fields must fit them. */
function parseGeneric(layout: Layout | undefined, tokens: Tokens): Uint8Array {
  const length = parseNumber(tokens.word('a length'), 0xffff, 'a length')
  const rdata = tokens.more ? parseHex(tokens.rest('hexadecimal data')) : new Uint8Array()
  if (rdata.length !== length) throw new TextError(`${rdata.length} octets of data where the length is ${length}`)
  if (layout && !fits(layout, rdata)) throw new TextError('the data does not fit the format of its type')
  return rdata
}

function fits(layout: Layout, rdata: Uint8Array): boolean {
  try {
    // A compression pointer can't be inside data that stands alone; decompressing would change the length.
    return rewrite(layout, new Reader(rdata), false).length === rdata.length
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}

/** The RDATA of text such as "10 mail.example."; relative names need an origin. Throws TextError. */
export function parseRdataText(type: number, text: string, origin?: Name): Uint8Array {
  return parseRdata(type, scanTokens(text), origin)
}

/** RDATA in presentation format; RFC 3597's where the type is not known or the data does not fit it. */
export function printRdata(type: number, rdata: Uint8Array): string {
  const layout = LAYOUTS.get(type)
  if (!layout || rdata.length === 0) return printGeneric(rdata)
  try {
    return printFields(layout, new Reader(rdata))
  } catch (error) {
    if (error instanceof WireError) return printGeneric(rdata)
    throw error
  }
}

function printFields({ fields }: Layout, reader: Reader): string {
  let text = ''
  for (const [, field] of fields) {
    const word = field.print(field.read(reader))
    // An empty list or key at the end prints as nothing.
    if (word !== '') text += text === '' ? word : ` ${word}`
  }
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last field`, reader.pos)
  return text
}

/** RFC 3597 §5. */
export function printGeneric(rdata: Uint8Array): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${printHex(rdata)}`
}

/** One line of a master file, without its end: owner, TTL, class, type, RDATA. */
export function printRecord(record: {
  owner: Name
  type: number
  class: number
  ttl: number
  rdata: Uint8Array
}): string {
  const { owner, ttl, type, rdata } = record
  return `${printName(owner)} ${ttl} ${className(record.class)} ${typeName(type)} ${printRdata(type, rdata)}`
}

/** The name that RDATA points to (NS, MX, SRV, CNAME, PTR, DNAME, SVCB, HTTPS, …), or undefined where its type has none. */
export function targetOf(type: number, rdata: Uint8Array): Name | undefined {
  const layout = LAYOUTS.get(type)
  if (layout?.target === undefined) return undefined
  const reader = new Reader(rdata)
  for (const [key, field] of layout.fields) {
    const value = field.read(reader)
    if (key === layout.target) return value as Name
  }
  return undefined
}
