import { labelsOf, type Name, prefixOf } from '../../dns/name.ts'

/** Addresses of one kind of trigger, and the owner of the rule for each. */
export class AddressRules {
  /** By octets of the address, then by length of the block: masked addresses to owners. */
  private readonly blocks = new Map<number, Map<number, Map<string, Name>>>()

  get size(): number {
    return this.blocks.size
  }

  add({ bytes, length }: Block, owner: Name): void {
    const family = getOrMake(this.blocks, bytes.length)
    getOrMake(family, length).set(masked(bytes, length), owner)
  }

  /** The owner of the rule for the longest block that holds one of the addresses; of two such blocks the one that holds the smallest address. */
  find(addresses: readonly Uint8Array[]): Name | undefined {
    if (this.blocks.size === 0) return undefined
    let best: Match | undefined
    for (const address of addresses) {
      const match = this.longest(address)
      if (match && (!best || isBetter(match, best))) best = match
    }
    return best?.owner
  }

  private longest(address: Uint8Array): Match | undefined {
    const family = this.blocks.get(address.length)
    if (!family) return undefined
    const embedded = EMBEDDING - address.length * 8
    for (let length = address.length * 8; length >= 0; length--) {
      const owner = family.get(length)?.get(masked(address, length))
      if (owner) return { owner, address, length: length + embedded }
    }
    return undefined
  }
}

/** IPv4 blocks are compared with others as what they are in IPv6 (RFC 4291 §2.5.5.2): 96 bits longer. */
const EMBEDDING = 128

interface Match {
  owner: Name
  address: Uint8Array
  length: number
}

function isBetter(a: Match, b: Match): boolean {
  if (a.length !== b.length) return a.length > b.length
  if (a.address.length !== b.address.length) return a.address.length < b.address.length
  return Buffer.compare(a.address, b.address) < 0
}

function getOrMake<K, V>(map: Map<number, Map<K, V>>, key: number): Map<K, V> {
  const found = map.get(key) ?? new Map<K, V>()
  map.set(key, found)
  return found
}

function masked(bytes: Uint8Array, length: number): string {
  let key = ''
  for (let i = 0; i < length >> 3; i++) key += String.fromCharCode(bytes[i]!)
  const rest = length & 7
  return rest === 0 ? key : key + String.fromCharCode(bytes[length >> 3]! & (0xff << (8 - rest)))
}

/** An address block. */
export interface Block {
  bytes: Uint8Array
  length: number
}

/** The block that an owner below `apex` stands for: "24.0.2.0.192", "32.zz.db8.2001"; undefined where it is none. */
export function parseBlock(owner: Name, apex: Name): Block | undefined {
  const [first, ...rest] = labelsOf(prefixOf(owner, apex)).map(label => String.fromCharCode(...label).toLowerCase())
  const length = decimal(first, 128)
  if (length === undefined) return undefined
  const words = rest.reverse()
  const bytes = words.length === 4 && !words.includes('zz') ? ipv4(words) : ipv6(words)
  return bytes && length <= bytes.length * 8 ? { bytes, length } : undefined
}

function decimal(text: string | undefined, most: number): number | undefined {
  return text !== undefined && /^\d{1,3}$/.test(text) && Number(text) <= most ? Number(text) : undefined
}

function ipv4(words: readonly string[]): Uint8Array | undefined {
  const octets = words.map(word => decimal(word, 255))
  return octets.every(octet => octet !== undefined) ? Uint8Array.from(octets) : undefined
}

/** "zz" stands for the longest run of zeros, as "::" does. */
function ipv6(words: readonly string[]): Uint8Array | undefined {
  const gap = words.indexOf('zz')
  const missing = 8 - (words.length - 1)
  if (gap < 0 ? words.length !== 8 : missing < 1 || words.lastIndexOf('zz') !== gap) return undefined
  const full = gap < 0 ? words : [...words.slice(0, gap), ...Array<string>(missing).fill('0'), ...words.slice(gap + 1)]
  if (!full.every(word => /^[0-9a-f]{1,4}$/.test(word))) return undefined
  return Uint8Array.from(full.flatMap(word => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]))
}
