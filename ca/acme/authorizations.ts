import type { Clock } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { Challenge } from '../challenges/challenge.ts'
import type { Limits } from '../permission/limits.ts'
import type { Permission } from '../permission/permission.ts'
import { readIdentifiers, subjectsOf } from '../permission/subjects.ts'
import { AcmeError, notFound, problemOf } from '../problems.ts'
import type { StoredAuthorization } from '../store/orders.ts'
import type { ChallengeRow } from '../store/schema.ts'
import type { CaStore } from '../store/store.ts'
import { settledWithin } from '../wait.ts'
import type { AccountRequest } from './authenticate.ts'
import { newAuthorization } from './new-authorization.ts'
import { identifierTypes, ORDER_LIFETIME } from './orders.ts'
import { authorizationStatus, timestamp } from './states.ts'
import type { AcmeUrls } from './urls.ts'
import type { Validator } from './validate.ts'

/** Authorizations and their challenges (RFC 8555 §7.5). */
export interface Authorizations {
  /** newAuthz (RFC 8555 §7.4.1): an authorization that a later order takes up. */
  create(request: AccountRequest, log: Log): Promise<StoredAuthorization>
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
  viewChallenge(challenge: ChallengeRow, account: string): object
  isProcessing(authorization: StoredAuthorization): boolean
}

/** Milliseconds for which the answer to a challenge waits for the first try, which takes less than one in our own zones. */
const GRACE = 500

export function createAuthorizations(deps: {
  store: CaStore
  urls: AcmeUrls
  validator: Validator
  permission: Permission
  limits: Pick<Limits, 'newOrder'>
  challenges: readonly Challenge[]
  identities: readonly string[]
  clock: Clock
  random: Random
  /** The order in which a list is shown. */
  inOrder: <T>(list: readonly T[]) => readonly T[]
}): Authorizations {
  const { store, urls, validator, permission, limits, challenges, identities, clock, random, inOrder } = deps

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
    validator.admit(request.account.id)
    const named = log.child({ account: request.account.id, authorization: authorization.id })
    const first = validator.start({ ...challenge, request: requestId }, authorization, request.account, named)
    if (await settledWithin(clock, first, GRACE)) await first
  }

  const membersOf = (challenge: ChallengeRow, account: string): object => {
    const kind = challenges.find(({ type }) => type === challenge.type)
    return kind?.members?.({ accountUrl: urls.account(account), identities }) ?? { token: challenge.token }
  }

  /** Goes on with a challenge that the store has as processing, unless it is on its way. */
  const takeUp = (request: AccountRequest, { authorization, challenge }: ReturnType<typeof challengeOf>, log: Log) => {
    const named = log.child({ account: request.account.id, authorization: authorization.id })
    void validator.start(challenge, authorization, request.account, named)
  }

  const viewChallenge = (challenge: ChallengeRow, account: string) => ({
    type: challenge.type,
    url: urls.challenge(`${challenge.authorization}/${challenge.id}`),
    status: challenge.status,
    ...membersOf(challenge, account),
    ...(challenge.validated_at !== null && { validated: timestamp(challenge.validated_at) }),
    ...(challenge.error !== null && { error: JSON.parse(challenge.error) }),
  })

  return {
    async create({ account, payload }, log) {
      limits.newOrder(account.id)
      const requested = readIdentifiers([payload?.['identifier']], identifierTypes(challenges))
      await permission.check({ account }, requested)
      const [subject] = subjectsOf(requested)
      // RFC 8555 §7.4.1: the identifier is the very one of the authorization, which is never a wildcard.
      if (subject!.wildcard) throw new AcmeError('malformed', 'a wildcard can not be authorized in advance')
      const expiresAt = clock.now() + ORDER_LIFETIME
      const made = newAuthorization(subject!, { account: account.id, challenges, clock, random, expiresAt })
      await store.addAuthorization({ authorizations: [made.authorization], challenges: made.challenges })
      const { id } = made.authorization
      log.info({ account: account.id, authorization: id, name: subject!.identifier.value }, 'authorization created')
      return (await store.authorization(id))!
    },

    async read(request, id, log) {
      const authorization = await find(request, id)
      const begun = authorization.challenges.find(({ status }) => status === 'processing')
      if (begun) takeUp(request, { authorization, challenge: begun }, log)
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
      if (found.challenge.status === 'processing') takeUp(request, found, log)
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
        challenges: inOrder(shown(authorization, status)).map(challenge =>
          viewChallenge(challenge, authorization.account),
        ),
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
