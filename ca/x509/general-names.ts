import { addressBytes, printAddress } from '../../config/address.ts'
import type { Identifier } from '../identifier.ts'
import { type Element, tlv } from './der.ts'

/** The kinds of GeneralName (RFC 5280 §4.2.1.6) by their tags: those that an identifier holds, and what the others are called. */
const TAGS: Readonly<Record<number, Identifier['type']>> = { 129: 'email', 130: 'dns', 134: 'uri', 135: 'ip' }
const OTHERS: Readonly<Record<number, string>> = {
  160: 'otherName',
  163: 'x400Address',
  164: 'directoryName',
  165: 'ediPartyName',
  136: 'registeredID',
}

/** The names among GeneralNames that an identifier can hold, as they stand there, and the kinds of those that none can. */
export function identifiersOf(names: readonly Element[]): { identifiers: Identifier[]; others: string[] } {
  const identifiers: Identifier[] = []
  const others: string[] = []
  for (const { tag, content } of names) {
    const type = TAGS[tag]
    if (type === undefined) others.push(OTHERS[tag] ?? 'unknown')
    else identifiers.push({ type, value: type === 'ip' ? addressOf(content) : Buffer.from(content).toString('latin1') })
  }
  return { identifiers, others }
}

/** Octets that are no address are shown as they are, for whoever looks at the value next to refuse. */
function addressOf(octets: Uint8Array): string {
  return octets.length === 4 || octets.length === 16 ? printAddress(octets) : Buffer.from(octets).toString('hex')
}

const TAG_OF = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const satisfies Record<Identifier['type'], number>

/** The DER GeneralName of an identifier. */
export function generalName({ type, value }: Identifier): Uint8Array {
  return tlv(TAG_OF[type], type === 'ip' ? addressBytes(value)! : Buffer.from(value, 'latin1'))
}
