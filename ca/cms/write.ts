import { objectIdentifier, Tag, tlv } from '../der.ts'

/** Content types (RFC 5652 §4, §5.1). */
const CONTENT = { data: '1.2.840.113549.1.7.1', signedData: '1.2.840.113549.1.7.2' } as const

/** [0], constructed. */
const FIRST = 0xa0

/** A message of certificates alone, which nobody signs ("degenerate", RFC 5652 §5.2); all DER. */
export function certificatesOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const content = tlv(Tag.SEQUENCE, objectIdentifier(CONTENT.data))
  const set = certificates.length > 0 ? [tlv(FIRST, ...certificates)] : []
  return contentInfo(CONTENT.signedData, tlv(Tag.SEQUENCE, version(1), EMPTY_SET, content, ...set, EMPTY_SET))
}

function contentInfo(type: string, content: Uint8Array): Uint8Array {
  return tlv(Tag.SEQUENCE, objectIdentifier(type), tlv(FIRST, content))
}

function version(number: number): Uint8Array {
  return tlv(Tag.INTEGER, Uint8Array.of(number))
}

const EMPTY_SET = tlv(Tag.SET)
