import type { ChallengeType } from '../../config/schema.ts'
import type { Challenge } from './challenge.ts'
import { dns01 } from './dns01.ts'

/** Every challenge there is: one row, one file. */
const CHALLENGES: readonly Challenge[] = [dns01]

/** The configured challenges that are there; only these are offered. */
export function challengesFor(types: readonly ChallengeType[]): Challenge[] {
  return CHALLENGES.filter(challenge => types.includes(challenge.type))
}
