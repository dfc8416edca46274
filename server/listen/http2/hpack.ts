import { decodeHuffman } from './huffman.ts'
import { type FieldName, fieldName, STATIC_NAME_LENGTHS, STATIC_TABLE, type TableField } from './static-table.ts'

/** A field section that breaks HPACK: the connection can't go on, for its table is no longer known (RFC 9113 §4.3). */
export class CompressionError extends Error {
  override name = 'CompressionError'
}

/** Told of each field in turn; the octets of `value[at, end)` are valid until it returns. */
export type OnField = (name: FieldName, value: Uint8Array, at: number, end: number) => void

/** What a decoder may be told to keep: the value that SETTINGS_HEADER_TABLE_SIZE has where nobody speaks of it. */
const TABLE_SIZE = 4096
const OVERHEAD = 32
const NOTHING = new Uint8Array(0)
/** Continued integers are cut off here: no length or index of ours is larger. */
const MOST_BITS = 28

/** The decoder of one connection's field sections (RFC 7541), with its dynamic table. Names are told by what they are to us. */
export class FieldDecoder {
  /** The newest first. */
  private readonly table: DynamicField[] = []
  private tableSize = 0
  private most = TABLE_SIZE
  private octets: Uint8Array = NOTHING
  private at = 0
  private end = 0
  private readonly scratch: Uint8Array
  private text: Uint8Array = NOTHING
  private textAt = 0
  private textEnd = 0

  /** Strings are decoded in `scratch`, which decoders that take turns may share: what does not fit is refused. */
  constructor(scratch: Uint8Array) {
    this.scratch = scratch
  }

  /** Octets that the dynamic table holds, as RFC 7541 §4.1 counts them. */
  get size(): number {
    return this.tableSize
  }

  /** Decodes a whole field section. Throws CompressionError. */
  decode(octets: Uint8Array, at: number, end: number, onField: OnField): void {
    this.octets = octets
    this.at = at
    this.end = end
    let first = true
    while (this.at < this.end) {
      const octet = octets[this.at]!
      if (octet & 0x80) this.indexed(onField)
      else if (octet & 0x40) this.literal(6, true, onField)
      else if (octet & 0x20) {
        // RFC 7541 §4.2: only where a section begins.
        if (!first) throw new CompressionError('the table size changes within a field section')
        this.resize()
        continue
      } else this.literal(4, false, onField)
      first = false
    }
  }

  /** RFC 7541 §6.1. */
  private indexed(onField: OnField): void {
    const { name, value } = this.field(this.integer(7))
    onField(name, value, 0, value.length)
  }

  private field(index: number): TableField {
    const field = index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.table[index - STATIC_TABLE.length - 1]
    if (!field) throw new CompressionError(`there is no field with the index ${index}`)
    return field
  }

  /** RFC 7541 §6.2. */
  private literal(prefix: number, keeps: boolean, onField: OnField): void {
    const index = this.integer(prefix)
    let name: FieldName
    let nameLength: number
    if (index === 0) {
      this.string()
      nameLength = this.textEnd - this.textAt
      name = fieldName(latin1(this.text, this.textAt, this.textEnd))
    } else {
      const field = this.field(index)
      name = field.name
      nameLength = index <= STATIC_TABLE.length ? STATIC_NAME_LENGTHS[index - 1]! : (field as DynamicField).nameLength
    }
    this.string()
    const { text, textAt, textEnd } = this
    if (keeps) this.keep(name, nameLength, text, textAt, textEnd)
    onField(name, text, textAt, textEnd)
  }

  private keep(name: FieldName, nameLength: number, text: Uint8Array, at: number, end: number): void {
    const size = nameLength + end - at + OVERHEAD
    this.evict(this.most - size)
    // RFC 7541 §4.4: what is larger than the table empties it.
    if (size > this.most) return
    this.table.unshift({ name, nameLength, value: text.slice(at, end), size })
    this.tableSize += size
  }

  private evict(most: number): void {
    while (this.tableSize > most && this.table.length > 0) this.tableSize -= this.table.pop()!.size
  }

  /** RFC 7541 §6.3. */
  private resize(): void {
    const size = this.integer(5)
    if (size > TABLE_SIZE) throw new CompressionError('the table would be larger than we allow')
    this.most = size
    this.evict(size)
  }

  /** RFC 7541 §5.1. */
  private integer(prefix: number): number {
    const mask = (1 << prefix) - 1
    let value = this.octet() & mask
    if (value < mask) return value
    for (let shift = 0; shift < MOST_BITS; shift += 7) {
      const octet = this.octet()
      value += (octet & 127) << shift
      if (octet < 128) return value
    }
    throw new CompressionError('an integer is too large')
  }

  private octet(): number {
    if (this.at >= this.end) throw new CompressionError('a field ends too soon')
    return this.octets[this.at++]!
  }

  /** RFC 7541 §5.2: leaves the string in `text`. */
  private string(): void {
    const coded = (this.octets[this.at]! & 0x80) !== 0
    const length = this.integer(7)
    const end = this.at + length
    if (end > this.end) throw new CompressionError('a string ends too soon')
    this.text = this.octets
    this.textAt = this.at
    this.textEnd = end
    this.at = end
    if (!coded) return
    this.textEnd = decodeHuffman(this.octets, this.textAt, end, this.scratch, 0)
    this.textAt = 0
    this.text = this.scratch
    if (this.textEnd < 0) throw new CompressionError('a string is no Huffman code')
  }
}

interface DynamicField extends TableField {
  readonly nameLength: number
}

function latin1(octets: Uint8Array, at: number, end: number): string {
  let text = ''
  for (let i = at; i < end; i++) text += String.fromCharCode(octets[i]!)
  return text
}
