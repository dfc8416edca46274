import { networkOf } from '../../config/address.ts'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { EnrolmentRow } from '../store/schema.ts'
import { EnrolmentError } from './error.ts'
import { readSecret, sameDigest } from './secret.ts'

/** The door at which clients without an ACME account show their secrets. */
export interface Enrolments {
  /** Whose secret this is, used up or not. Throws EnrolmentError: `secret`, or `busy` where too many wrong ones came from that address. */
  open(secret: string | undefined, address: string): Promise<EnrolmentRow>
  /** Who enrolled under this account; undefined where its secret was revoked, or there never was one. */
  behind(account: string | undefined): Promise<EnrolmentRow | undefined>
}

/** Wrong secrets from one network that are answered as such; one in three seconds from then on. */
const FAILURES = { burst: 20, rate: 1 / 3, most: 10_000 }
/** Stands for the secret that an unknown id has not. */
const NO_DIGEST = '00'.repeat(32)
const ACCOUNT = 'enrolment:'

/** The account under which certificates are kept that were had by a secret. */
export function accountOf({ id }: Pick<EnrolmentRow, 'id'>): string {
  return ACCOUNT + id
}

/** Opens the door; the allowance for wrong secrets is one for all protocols that share it. */
export function createEnrolments(store: Pick<EnrolmentStore, 'enrolment'>, clock: Clock): Enrolments {
  const failures = new Allowance(clock, FAILURES)
  const find = async (text: string | undefined): Promise<EnrolmentRow | undefined> => {
    const secret = readSecret(text ?? '')
    const row = secret && (await store.enrolment(secret.id))
    // Compared for an unknown id as well, so that the time does not tell which it was.
    const right = sameDigest(secret?.digest ?? NO_DIGEST, row?.secret ?? NO_DIGEST)
    const holds = row && row.revoked_at === null && (row.expires_at === null || clock.now() < row.expires_at)
    return right && holds ? row : undefined
  }
  return {
    async open(secret, address) {
      const found = await find(secret)
      if (found) return found
      // Secrets can't be guessed: who has a right one is not shut out by others behind the same address who have not.
      if (!failures.take(networkOf(address)))
        throw new EnrolmentError('busy', 'too many wrong enrolment secrets from this address; wait a minute')
      throw new EnrolmentError('secret', 'the enrolment secret is none of ours, or holds no more')
    },
    async behind(account) {
      if (!account?.startsWith(ACCOUNT)) return undefined
      const row = await store.enrolment(account.slice(ACCOUNT.length))
      return row?.revoked_at === null ? row : undefined
    },
  }
}
