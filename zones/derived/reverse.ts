import { equalNames, isSubdomain, labelsOf, type Name, parseName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'

/** Which addresses have their PTR records in a zone, and where. */
export interface ReverseZone {
  /** The type of the records whose addresses these are: A or AAAA. */
  type: number
  /** The owner of the address's PTR records; undefined where it is outside the zone. */
  ownerOf(address: Uint8Array): Name | undefined
}

const IN_ADDR = parseName('in-addr.arpa.')
const IP6 = parseName('ip6.arpa.')

/** RFC 1035 §3.5, RFC 3596 §2.5 and RFC 2317 §4; undefined where the zone's name is of none of them. */
export function reverseZone(origin: Name): ReverseZone | undefined {
  if (isSubdomain(origin, IP6)) return { type: Type.AAAA, ownerOf: address => within(nibbles(address), origin) }
  if (!isSubdomain(origin, IN_ADDR)) return undefined
  const block = classless(origin)
  if (!block) return { type: Type.A, ownerOf: address => within(dottedQuad(address), origin) }
  return {
    type: Type.A,
    ownerOf(address) {
      const last = address[3]!
      if (last < block.first || last > block.last || !within(dottedQuad(address), block.parent)) return undefined
      return parseName(String(last), origin)
    },
  }
}

function within(name: Name, origin: Name): Name | undefined {
  return isSubdomain(name, origin) ? name : undefined
}

/** RFC 1035 §3.5: the octets, last first. */
function dottedQuad([a, b, c, d]: Uint8Array): Name {
  return parseName(`${d}.${c}.${b}.${a}.in-addr.arpa.`)
}

/** RFC 3596 §2.5: the nibbles, last first. */
function nibbles(address: Uint8Array): Name {
  const digits = [...Buffer.from(address).toString('hex')].reverse()
  return parseName(`${digits.join('.')}.ip6.arpa.`)
}

interface Block {
  first: number
  last: number
  /** The zone of the /24 that the block is cut from. */
  parent: Name
}

/** RFC 2317 §4: "0/25" is a first address and a prefix length; "0-127", a usual variant, a first address and a last. */
function classless(origin: Name): Block | undefined {
  const [label, ...rest] = labelsOf(origin)
  const parent = origin.subarray(1 + (label?.length ?? 0))
  const parts = /^(\d{1,3})([/-])(\d{1,3})$/.exec(Buffer.from(label ?? []).toString('latin1'))
  // Three numbers of the network, and in-addr.arpa.
  if (!parts || rest.length !== 5 || equalNames(parent, IN_ADDR)) return undefined
  const [first, second] = [Number(parts[1]), Number(parts[3])]
  const last = isPrefixLength(first, second, parts[2]!) ? first + 2 ** (32 - second) - 1 : second
  return first <= last && last <= 255 ? { first, last, parent } : undefined
}

/** "0-31" is a range, for it fills a block; "0-25" none, so that it must be a prefix length. */
function isPrefixLength(first: number, second: number, separator: string): boolean {
  if (second < 25 || second > 32) return false
  if (separator === '/') return true
  const size = second - first + 1
  return size < 1 || first % size !== 0 || (size & (size - 1)) !== 0
}
