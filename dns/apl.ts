import { parseIpv4, parseIpv6, printIpv4, printIpv6 } from './address.ts'
import { TextError, WireError } from './errors.ts'
import type { Field } from './fields.ts'
import { parseNumber } from './text.ts'
import type { Reader, Writer } from './wire.ts'

/** One item of an APL record (RFC 3123 §4). */
export interface AddressPrefix {
  /** 1 for IPv4, 2 for IPv6. */
  family: 1 | 2
  prefix: number
  negated: boolean
  /** All 4 or 16 octets. */
  address: Uint8Array
}

const FAMILIES = {
  1: { size: 4, parse: parseIpv4, print: printIpv4 },
  2: { size: 16, parse: parseIpv6, print: printIpv6 },
} as const

/** APL's items, none or more, to the end of the RDATA. */
export const addressPrefixes: Field<AddressPrefix[]> = {
  read: reader => {
    const items: AddressPrefix[] = []
    while (reader.left > 0) items.push(readItem(reader))
    return items
  },
  write: (writer, items) => {
    for (const item of items) writeItem(writer, item)
  },
  print: items => items.map(printItem).join(' '),
  parse: tokens => {
    const items: AddressPrefix[] = []
    while (tokens.more) items.push(parseItem(tokens.word('an address prefix')))
    return items
  },
}

function readItem(reader: Reader): AddressPrefix {
  const at = reader.pos
  const family = reader.u16()
  // RFC 3123 §4: only these two families have a format.
  if (family !== 1 && family !== 2) throw new WireError(`an address of unknown family ${family}`, at)
  const { size } = FAMILIES[family]
  const prefix = reader.u8()
  const octet = reader.u8()
  const afdpart = reader.bytes(octet & 0x7f)
  if (prefix > size * 8 || afdpart.length > size) throw new WireError('an address prefix is too long', at)
  // RFC 3123 §4.1: trailing octets of zero are left out.
  if (afdpart.at(-1) === 0) throw new WireError('an address prefix ends in zero', at)
  const address = new Uint8Array(size)
  address.set(afdpart)
  return { family, prefix, negated: octet > 0x7f, address }
}

function writeItem(writer: Writer, { family, prefix, negated, address }: AddressPrefix): void {
  const length = address.findLastIndex(octet => octet !== 0) + 1
  writer.u16(family)
  writer.u8(prefix)
  writer.u8((negated ? 0x80 : 0) | length)
  writer.bytes(address.subarray(0, length))
}

function printItem({ family, prefix, negated, address }: AddressPrefix): string {
  return `${negated ? '!' : ''}${family}:${FAMILIES[family].print(address)}/${prefix}`
}

/** RFC 3123 §5: [!]afi:address/prefix. */
function parseItem(text: string): AddressPrefix {
  const [, bang, digit, host, length] = /^(!?)([12]):([^/]+)\/([^/]+)$/.exec(text) ?? []
  if (!digit) throw new TextError(`"${text}" is not of the form [!]1:address/prefix or [!]2:address/prefix`)
  const family = digit === '1' ? 1 : 2
  const { size, parse } = FAMILIES[family]
  return {
    family,
    prefix: parseNumber(length!, size * 8, 'a prefix length'),
    negated: bang === '!',
    address: parse(host!),
  }
}
