import { type Decoded, defaulted, optional, record } from './kinds.ts'
import { choice, duration, flag } from './values.ts'

/** DNSSEC algorithms by the names of the configuration (RFC 8624 §3.1). */
export const ALGORITHM_CODES = {
  'ecdsa-p256': 13,
  'ecdsa-p384': 14,
  ed25519: 15,
  'rsa-sha256': 8,
  'rsa-sha512': 10,
} as const

export const dnssec = record({
  sign: defaulted(flag, false, 'whether the zone is signed'),
  algorithm: defaulted(
    choice('ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-sha256', 'rsa-sha512'),
    'ecdsa-p256',
    'the algorithm of its keys',
  ),
  keys: defaulted(
    choice('csk', 'ksk-zsk'),
    'csk',
    'one key that signs all, or a key-signing key and a zone-signing key',
  ),
  nsec3: defaulted(flag, false, 'whether absence is proved by NSEC3 (RFC 5155), which hides names, instead of NSEC'),
  ksk_lifetime: optional(
    duration,
    'how long a key that the parent knows (CSK or KSK) is used before another takes its place; left out: until `zone dnssec rollover`',
  ),
  zsk_lifetime: optional(duration, 'the same of a ZSK'),
  propagation_delay: defaulted(duration, '5m', 'how long a change takes to reach all servers of the zone'),
  parent_propagation_delay: defaulted(
    duration,
    '1h',
    'how long a change takes to reach all servers of the parent zone',
  ),
  parent_ds_ttl: defaulted(
    duration,
    '1d',
    'the TTL of the DS in the parent zone; a longer one that is seen there counts',
  ),
})
/** How a zone is signed. */
export type DnssecConfig = Decoded<typeof dnssec>
