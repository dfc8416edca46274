import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { EnrolDeps } from '../enrolment/enrol.ts'
import type { Enrolments } from '../enrolment/enrolments.ts'
import type { CaStore } from '../store/store.ts'
import type { RegistrationAuthority } from './registration.ts'

/** What SCEP at one issuer needs. */
export interface ScepDeps extends EnrolDeps {
  store: EnrolDeps['store'] & Pick<CaStore, 'certificate' | 'keepScepRequest' | 'scepRequest'>
  registration(): Promise<RegistrationAuthority | undefined>
  enrolments: Enrolments
  /** Whether what is broken, or nearly so, is taken from clients: SHA-1 and triple DES. */
  legacy: boolean
  clock: Clock
  random: Random
  log: Log
}
