import type { Random } from '../../host/random.ts'

/** Anti-replay nonces (RFC 8555 §6.5). In memory: a restart costs each client one badNonce, which all of them retry. */
export interface Nonces {
  /** A fresh nonce. */
  issue(): string
  /** Whether the nonce was ours and unused; it is used up by asking. */
  redeem(nonce: string): boolean
}

/** RFC 8555 §6.5.1: a nonce is base64url text. */
export const NONCE_SYNTAX = /^[A-Za-z0-9_-]+$/

/** Keeps at most `limit` unused nonces; the oldest is forgotten first, and its holder told badNonce. */
export function createNonces(random: Random, limit = 65_536): Nonces {
  /** In order of issue; changed only here. */
  const unused = new Set<string>()
  return {
    issue() {
      const nonce = Buffer.from(random.bytes(16)).toString('base64url')
      if (unused.size >= limit) unused.delete(unused.values().next().value!)
      unused.add(nonce)
      return nonce
    },
    redeem: nonce => unused.delete(nonce),
  }
}
