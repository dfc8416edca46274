import type { ChallengeType } from '../../config/schema.ts'
import type { Challenge } from './challenge.ts'
import { dnsAccount01 } from './dns-account01.ts'
import { dnsPersist01 } from './dns-persist01.ts'
import { dns01 } from './dns01.ts'
import { http01 } from './http01.ts'
import { tlsAlpn01 } from './tls-alpn01.ts'

/** Every challenge there is: one row, one file. */
const CHALLENGES: readonly Challenge[] = [dns01, http01, tlsAlpn01, dnsAccount01, dnsPersist01]

/** The configured challenges; only these are offered. */
export function challengesFor(types: readonly ChallengeType[]): Challenge[] {
  return CHALLENGES.filter(challenge => types.includes(challenge.type))
}
