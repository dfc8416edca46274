import { objectIdentifier, Tag, tlv } from '../x509/der.ts'

/** An algorithm of messages by its object identifier and by what node:crypto calls it. */
export interface MessageAlgorithm {
  oid: string
  name: string
  /** Only for who can do no better: taken where it is switched on, and never first. */
  legacy?: true
}

/** Digests (RFC 5754 §2, RFC 3370 §2.1). */
export const DIGESTS: readonly MessageAlgorithm[] = [
  { oid: '2.16.840.1.101.3.4.2.1', name: 'sha256' },
  { oid: '2.16.840.1.101.3.4.2.2', name: 'sha384' },
  { oid: '2.16.840.1.101.3.4.2.3', name: 'sha512' },
  { oid: '1.3.14.3.2.26', name: 'sha1', legacy: true },
]

/** A content cipher in CBC mode; sizes in octets. */
export interface Cipher extends MessageAlgorithm {
  key: number
  block: number
}

/** Content encryption (RFC 3565 §4.1, RFC 3370 §5.1). */
export const CIPHERS: readonly Cipher[] = [
  { oid: '2.16.840.1.101.3.4.1.2', name: 'aes-128-cbc', key: 16, block: 16 },
  { oid: '2.16.840.1.101.3.4.1.22', name: 'aes-192-cbc', key: 24, block: 16 },
  { oid: '2.16.840.1.101.3.4.1.42', name: 'aes-256-cbc', key: 32, block: 16 },
  { oid: '1.2.840.113549.3.7', name: 'des-ede3-cbc', key: 24, block: 8, legacy: true },
]

/** The one of that object identifier; undefined where it is unknown, or legacy and that is not allowed. */
export function algorithmOf<Kind extends MessageAlgorithm>(
  known: readonly Kind[],
  oid: string,
  legacy: boolean,
): Kind | undefined {
  return known.find(one => one.oid === oid && (legacy || !one.legacy))
}

/** RFC 8017 appendix A.1: RSA keys, and PKCS #1 v1.5 as RFC 3370 §4.2.1 has it. */
export const RSA = '1.2.840.113549.1.1.1'

/** The DER AlgorithmIdentifier with NULL for parameters, as RSA has it (RFC 3370 §3.2). */
export function plainAlgorithm(oid: string): Uint8Array {
  return tlv(Tag.SEQUENCE, objectIdentifier(oid), NULL)
}

const NULL = Uint8Array.of(5, 0)
