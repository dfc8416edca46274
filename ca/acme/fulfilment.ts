import type { Clock, Timer } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import { type Issuance, IssueError } from '../issue/issue.ts'
import { chooseProfile, type Profile } from '../issue/profiles.ts'
import type { CaaChecker } from '../permission/caa.ts'
import { canonicalIdentifiers } from '../permission/subjects.ts'
import { AcmeError, overloaded, problemOf } from '../problems.ts'
import type { OrderStore, StoredOrder } from '../store/orders.ts'
import { settledWithin } from '../wait.ts'
import { createWorkload } from '../workload.ts'
import { readCsr } from '../x509/csr.ts'
import { authorizationStatus } from './states.ts'
import type { AcmeUrls } from './urls.ts'

/** What happens to an order between finalize and its certificate: CAA → issue. It goes on after a stop where it stood. */
export interface Fulfilment {
  /** Whether one more may be started; throws 503 where not. */
  admit(): void
  /** Fulfils an order that the store has as processing, for this key where it was read of the CSR already, unless it is being fulfilled. Resolves once it is done, or after a moment if it takes longer. */
  start(order: StoredOrder, log: Log, publicKey?: Uint8Array): Promise<void>
  close(): void
}

/** Milliseconds for which the answer to finalize waits, so that most clients need no second request. */
const GRACE = 1000
const LIMITS = { running: 8, waiting: 1000 }
/** Milliseconds between tries where the house itself failed (a full disk, say). */
const RETRY_AFTER = [1000, 5000, 20_000, 60_000]

export function createFulfilment(deps: {
  store: OrderStore
  urls: AcmeUrls
  /** As the config has them now. */
  profiles(): readonly Profile[]
  caa: CaaChecker
  issuance: Issuance
  clock: Clock
}): Fulfilment {
  const { store, urls, profiles, caa, issuance, clock } = deps
  const workload = createWorkload('orders are being processed', LIMITS)
  const timers = new Set<Timer>()
  /** Ids of orders that are on their way. */
  const unfinished = new Set<string>()
  let closed = false

  const issue = async (order: StoredOrder, log: Log, publicKey = readCsr(order.csr!).publicKey) => {
    const proofs = await checkCaa(order, log)
    const profile = chooseProfile(profiles(), order.profile)
    if (!profile) throw new AcmeError('invalidProfile', 'the profile is no longer offered')
    const { record } = await issuance.issue({
      publicKey,
      identifiers: canonicalIdentifiers(JSON.parse(order.identifiers)),
      profile,
      notBefore: order.not_before ?? undefined,
      notAfter: order.not_after ?? undefined,
      account: order.account,
      order: order.id,
      circumstances: { request: order.request, proofs },
    })
    log.info({ serial: record.serial }, 'order fulfilled')
  }

  /** What proved control of each identifier, once CAA allows them all. */
  const checkCaa = async (order: StoredOrder, log: Log): Promise<object[]> => {
    const accountUrl = urls.account(order.account)
    const proofs: object[] = []
    for (const id of order.authorizations) {
      const authorization = await store.authorization(id)
      const proved = authorization?.challenges.find(challenge => challenge.status === 'valid')
      // Orders are kept as long as their authorizations; nothing is issued on the word of one that is gone.
      if (!authorization || authorizationStatus(authorization, clock.now()) !== 'valid' || !proved)
        throw new AcmeError('unauthorized', 'an authorization of this order is no longer valid')
      const { type, value, wildcard } = authorization
      proofs.push({ authorization: id, ...JSON.parse(proved.proof ?? '{}') })
      if (type !== 'dns') continue
      const subject = { identifier: { type, value }, wildcard: wildcard === 1 }
      await caa.check({ subject, accountUrl, method: proved.type }, log)
    }
    return proofs
  }

  const fulfil = async (order: StoredOrder, log: Log, tries: number, publicKey?: Uint8Array): Promise<void> => {
    if (closed) return
    try {
      await workload.run(() => issue(order, log, publicKey))
      unfinished.delete(order.id)
    } catch (error) {
      // Somebody else ended it: nothing was stored, nothing is handed out.
      if (error instanceof ConflictError) {
        unfinished.delete(order.id)
        log.warn({ err: error }, 'order was ended otherwise')
      } else if (isFinal(error)) await fail(order, error, log)
      else if (tries < RETRY_AFTER.length) {
        log.error({ err: error }, 'order could not be fulfilled; tried again')
        later(RETRY_AFTER[tries]!, () => fulfil(order, log, tries + 1, publicKey))
      } else await fail(order, error, log)
    }
  }

  const fail = async (order: StoredOrder, error: unknown, log: Log): Promise<void> => {
    const problem = problemOf(error instanceof IssueError ? issueProblem(error) : error)
    log.warn({ err: error, problem: problem.type }, `order failed: ${problem.detail}`)
    try {
      await store.failOrder(order, problem, clock.now())
    } catch (cause) {
      if (!(cause instanceof ConflictError)) {
        // It stays processing on disk: a full one may have room again.
        log.error({ err: cause }, 'the failure of an order could not be kept; tried again')
        return later(RETRY_AFTER.at(-1)!, () => fail(order, error, log))
      }
    }
    unfinished.delete(order.id)
  }

  const later = (wait: number, work: () => Promise<void>) => {
    if (closed) return
    const timer = clock.after(wait, () => {
      timers.delete(timer)
      void work()
    })
    timers.add(timer)
  }

  return {
    admit() {
      if (unfinished.size >= LIMITS.waiting) throw overloaded('too many orders are being processed')
    },
    async start(order, log, publicKey) {
      // Whoever looks at an order may have it taken up, where the answer to a commit was lost.
      if (closed || unfinished.has(order.id)) return
      unfinished.add(order.id)
      const done = fulfil(order, log.child({ order: order.id, account: order.account }), 0, publicKey)
      await settledWithin(clock, done, GRACE)
    },
    close() {
      closed = true
      for (const timer of timers) timer.cancel()
      timers.clear()
    },
  }
}

/** Whether another try can't help: the order is at fault, or what it would become. A clock set back and DNS may be put right. */
function isFinal(error: unknown): boolean {
  if (error instanceof IssueError) return error.code !== 'clock'
  return error instanceof AcmeError && error.type !== 'dns' && error.status !== 503
}

/** The sentence of an IssueError is for the operator, but says nothing that the client may not know. */
export function issueProblem(error: IssueError): AcmeError {
  return new AcmeError(error.code === 'key' ? 'badCSR' : 'serverInternal', error.message)
}
