import { contentOf, elementsIn, objectIdentifier, oidOf, sequence, Tag, textOf, tlv } from './der.ts'

const COMMON_NAME = '2.5.4.3'

/** Attribute types of a Name (RFC 5280 appendix A.1), in the order in which they stand. */
const ATTRIBUTES = {
  country: objectIdentifier('2.5.4.6'),
  province: objectIdentifier('2.5.4.8'),
  locality: objectIdentifier('2.5.4.7'),
  organization: objectIdentifier('2.5.4.10'),
  unit: objectIdentifier('2.5.4.11'),
  commonName: objectIdentifier(COMMON_NAME),
} as const

/** What a subject may say. */
export type SubjectFields = { [Attribute in keyof typeof ATTRIBUTES]?: string | undefined }

/** The DER Name with these attributes; an empty object gives the empty Name. */
export function distinguishedName(attributes: SubjectFields): Uint8Array {
  const rdns = Object.entries(ATTRIBUTES).flatMap(([attribute, type]) => {
    const text = attributes[attribute as keyof typeof ATTRIBUTES]
    if (!text) return []
    // RFC 5280 §4.1.2.4: UTF8String for a DirectoryString; appendix A.1: a country is a PrintableString.
    const tag = attribute === 'country' ? Tag.PRINTABLE_STRING : Tag.UTF8_STRING
    return [tlv(Tag.SET, tlv(Tag.SEQUENCE, type, tlv(tag, Buffer.from(text))))]
  })
  return tlv(Tag.SEQUENCE, ...rdns)
}

/** The last commonName of a DER Name. Throws DerError. */
export function commonNameOf(name: Uint8Array): string | undefined {
  const rdns = sequence(name).flatMap(rdn => elementsIn(contentOf(rdn, Tag.SET)))
  const attributes = rdns.map(({ whole }) => sequence(whole))
  const common = attributes.findLast(([type]) => oidOf(type) === COMMON_NAME)?.[1]
  return common && textOf(common)
}
