import { createHash } from 'node:crypto'

/** An account as its hashed URIs are made of it. */
export interface HashedAccount {
  accountUrl: string
  /** SHA-256 thumbprints (RFC 7638) of its key and of those it had before, the newest first. */
  thumbprints: readonly string[]
}

/** RFC 6920 §9.4: the one hash that is taken. */
const ALGORITHM = 'sha-256'
/** Stands for the domain in a URI that is for all domains. */
const ANY_DOMAIN = '*'

/**
 * The URIs that name the account in TXT records of a domain (draft-ietf-acme-dns-persist-02 §4.1): for each of its keys one of this domain's
 * own, and one for any.
 */
export function hashedAccountUris(
  prefix: string,
  { accountUrl, thumbprints }: HashedAccount,
  domain: string,
): string[] {
  return thumbprints.flatMap(key =>
    [domain, ANY_DOMAIN].map(name => `${prefix}${ALGORITHM}/${digestOf(name, key, accountUrl)}`),
  )
}

/** Whether a text has the form of such a URI, whichever account it names. */
export function isHashedAccountUri(prefix: string, text: string): boolean {
  const start = `${prefix}${ALGORITHM}/`
  return text.startsWith(start) && /^[A-Za-z0-9_-]{43}$/.test(text.slice(start.length))
}

/** H(length_of_domain || domain_name || key || account_URL). */
function digestOf(domain: string, key: string, accountUrl: string): string {
  return createHash('sha256')
    .update(Uint8Array.of(domain.length))
    .update(domain + key + accountUrl)
    .digest('base64url')
}
