import { createHash } from 'node:crypto'
import { printBase32 } from '../../dns/text.ts'
import type { Challenge } from './challenge.ts'
import { findDigest } from './dns01.ts'

/**
 * DNS challenge at a label of the account's own (draft-ietf-acme-dns-account-label): several accounts prove the same name at once,
 * each with its own CNAME.
 */
export const dnsAccount01: Challenge = {
  type: 'dns-account-01',
  appliesTo: ({ identifier }) => identifier.type === 'dns',
  validate: (attempt, network) =>
    findDigest(
      `${accountLabel(attempt.accountUrl)}._acme-challenge.${attempt.subject.identifier.value}`,
      attempt,
      network,
    ),
}

/** "_" and base32 of the first 10 octets of the account URL's SHA-256, in lower case. */
export function accountLabel(accountUrl: string): string {
  return `_${printBase32(createHash('sha256').update(accountUrl).digest().subarray(0, 10))}`
}
