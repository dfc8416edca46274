import type { Clock } from '../host/clock.ts'
import { ConflictError } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import type { AccountRequest } from './authenticate.ts'
import { AcmeError, notFound, problemOf } from './problems.ts'
import { authorizationStatus, timestamp } from './states.ts'
import type { StoredAuthorization } from './store/orders.ts'
import type { ChallengeRow } from './store/schema.ts'
import type { CaStore } from './store.ts'
import type { AcmeUrls } from './urls.ts'
import type { Validator } from './validate.ts'
import { settledWithin } from './wait.ts'

/** Authorizations and their challenges (RFC 8555 §7.5). */
export interface Authorizations {
  /** The authorization as it is, or deactivated where the payload asks for it (RFC 8555 §7.5.2). */
  read(request: AccountRequest, id: string, log: Log): Promise<StoredAuthorization>
  /** POST to a challenge: validation begins; POST-as-GET only looks (RFC 8555 §7.5.1). */
  respond(
    request: AccountRequest,
    authorizationId: string,
    challengeId: string,
    requestId: string,
    log: Log,
  ): Promise<{ authorization: StoredAuthorization; challenge: ChallengeRow }>
  /** The authorization object (RFC 8555 §7.1.4). */
  view(authorization: StoredAuthorization): object
  /** The challenge object (RFC 8555 §8). */
  viewChallenge(challenge: ChallengeRow): object
  isProcessing(authorization: StoredAuthorization): boolean
}

/** Milliseconds for which the answer to a challenge waits for the first try, which takes less than one in our own zones. */
const GRACE = 500

export function createAuthorizations(deps: {
  store: CaStore
  urls: AcmeUrls
  validator: Validator
  clock: Clock
}): Authorizations {
  const { store, urls, validator, clock } = deps

  const find = async ({ account }: AccountRequest, id: string) => {
    const authorization = await store.authorization(id)
    if (!authorization) throw notFound('authorization')
    if (authorization.account !== account.id)
      throw new AcmeError('unauthorized', 'the authorization belongs to another account')
    return authorization
  }

  const challengeOf = (authorization: StoredAuthorization, id: string) => {
    const challenge = authorization.challenges.find(each => each.id === id)
    if (!challenge) throw notFound('challenge')
    return { authorization, challenge }
  }

  const begin = async (request: AccountRequest, found: ReturnType<typeof challengeOf>, requestId: string, log: Log) => {
    const { authorization, challenge } = found
    validator.admit()
    try {
      await store.startChallenge(challenge.id, clock.now(), requestId)
    } catch (error) {
      // It was started, or its authorization ended, a moment ago: the client sees which.
      if (error instanceof ConflictError) return
      throw error
    }
    const named = log.child({ account: request.account.id, authorization: authorization.id })
    const first = validator.start({ ...challenge, status: 'processing' }, authorization, request.account, named)
    await settledWithin(clock, first, GRACE)
  }

  const viewChallenge = (challenge: ChallengeRow) => ({
    type: challenge.type,
    url: urls.challenge(`${challenge.authorization}/${challenge.id}`),
    status: challenge.status,
    token: challenge.token,
    ...(challenge.validated_at !== null && { validated: timestamp(challenge.validated_at) }),
    ...(challenge.error !== null && { error: JSON.parse(challenge.error) }),
  })

  return {
    async read(request, id, log) {
      const authorization = await find(request, id)
      if (request.payload?.['status'] !== 'deactivated') return authorization
      const problem = problemOf(new AcmeError('unauthorized', 'an authorization of this order was deactivated'))
      try {
        await store.deactivateAuthorization(id, JSON.stringify(problem))
      } catch (error) {
        if (error instanceof ConflictError)
          throw new AcmeError('malformed', 'only a pending or valid authorization can be deactivated', { cause: error })
        throw error
      }
      log.info({ account: request.account.id, authorization: id }, 'authorization deactivated')
      return find(request, id)
    },

    async respond(request, authorizationId, challengeId, requestId, log) {
      const found = challengeOf(await find(request, authorizationId), challengeId)
      const open =
        found.challenge.status === 'pending' && authorizationStatus(found.authorization, clock.now()) === 'pending'
      if (request.payload === undefined || !open) return found
      await begin(request, found, requestId, log)
      return challengeOf(await find(request, authorizationId), challengeId)
    },

    view(authorization) {
      const status = authorizationStatus(authorization, clock.now())
      return {
        status,
        expires: timestamp(authorization.expires_at),
        identifier: { type: authorization.type, value: authorization.value },
        challenges: shown(authorization, status).map(viewChallenge),
        // RFC 8555 §7.1.4: true for a wildcard, and absent otherwise.
        ...(authorization.wildcard === 1 && { wildcard: true }),
      }
    },

    viewChallenge,

    isProcessing: ({ challenges }) => challenges.some(challenge => challenge.status === 'processing'),
  }
}

// RFC 8555 §7.1.4: pending shows what can be fulfilled, valid what was, invalid what was tried and failed.
function shown({ challenges }: StoredAuthorization, status: string): ChallengeRow[] {
  const decisive = challenges.filter(challenge => challenge.status === status)
  return status === 'pending' || decisive.length === 0 ? challenges : decisive
}
