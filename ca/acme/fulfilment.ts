import type { Clock, Timer } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import { type Issuance, IssueError, type IssueRequest, type Reserved } from '../issue/issue.ts'
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
  /**
   * Fulfils an order, with its CSR, for this key where it was read of the CSR already, unless it is being fulfilled. One that is ready is written
   * down as processing in the commit that takes its serial, or by itself first where that takes long or fails. Resolves once it is done, or
   * after a moment if it takes longer; rejects where it could not be started, with ConflictError where it is no longer ready.
   */
  start(order: StoredOrder, log: Log, publicKey?: Uint8Array): Promise<void>
  close(): void
}

/** One order on its way. */
interface Task {
  order: StoredOrder
  log: Log
  publicKey: Uint8Array | undefined
  tries: number
  /** The commit by which the store has it as processing; undefined while it has it as ready. */
  begun: Promise<unknown> | undefined
}

/** Milliseconds for which the answer to finalize waits, so that most clients need no second request. */
const GRACE = 1000
/** Milliseconds that it may take before it is written down that it was begun. */
const PROMPT = 50
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
  /** The first tries of orders that are on their way, by id. */
  const unfinished = new Map<string, Promise<void>>()
  let closed = false

  const issue = async (task: Task): Promise<void> => {
    const { order, log } = task
    task.publicKey ??= readCsr(order.csr!).publicKey
    const proofs = await checkCaa(order, log)
    const profile = chooseProfile(profiles(), order.profile)
    if (!profile) throw new AcmeError('invalidProfile', 'the profile is no longer offered')
    const reserved = await reserve(task, {
      publicKey: task.publicKey,
      identifiers: canonicalIdentifiers(JSON.parse(order.identifiers)),
      profile,
      notBefore: order.not_before ?? undefined,
      notAfter: order.not_after ?? undefined,
      account: order.account,
      order: order.id,
      circumstances: { request: order.request, proofs },
    })
    const { serial } = await issuance.complete(reserved)
    log.info({ serial }, 'order fulfilled')
  }

  /** Takes a serial; where the order is not begun yet, the same commit begins it. */
  const reserve = async (task: Task, request: IssueRequest): Promise<Reserved> => {
    if (task.begun) {
      await task.begun
      return issuance.reserve(request)
    }
    const { csr, request: requestId } = task.order
    const reserved = issuance.reserve(request, { csr: csr!, request: requestId })
    task.begun = reserved
    try {
      return await reserved
    } catch (error) {
      // Refused before anything was written.
      if (error instanceof IssueError) task.begun = undefined
      throw error
    }
  }

  /** Writes down that it is being processed, for a restart to go on with, unless that was done. */
  const begin = async (task: Task): Promise<void> => {
    const { id, csr, request } = task.order
    task.begun ??= store.startOrder(id, csr!, request)
    await task.begun
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

  const fulfil = async (task: Task): Promise<void> => {
    const { order, log } = task
    if (closed) return
    try {
      await workload.run(() => issue(task))
      unfinished.delete(order.id)
    } catch (error) {
      // Somebody else ended it: nothing was stored, nothing is handed out.
      if (error instanceof ConflictError) {
        unfinished.delete(order.id)
        log.warn({ err: error }, 'order was ended otherwise')
      } else await retreat(task, error)
    }
  }

  /** It fails, or another try is made. Rejects where it is not even begun, for then whoever asked asks again. */
  const retreat = async (task: Task, error: unknown): Promise<void> => {
    const { order, log } = task
    try {
      await begin(task)
    } catch (cause) {
      unfinished.delete(order.id)
      throw cause
    }
    const wait = RETRY_AFTER[task.tries++]
    if (isFinal(error) || wait === undefined) return fail(order, error, log)
    log.error({ err: error }, 'order could not be fulfilled; tried again')
    later(wait, () => fulfil(task))
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

  /** Waits for the first try for as long as an answer may. */
  const settled = async (first: Promise<void>): Promise<void> => {
    if (await settledWithin(clock, first, GRACE)) await first
  }

  return {
    admit() {
      if (unfinished.size >= LIMITS.waiting) throw overloaded('too many orders are being processed')
    },
    async start(order, log, publicKey) {
      if (closed) return
      const begun = order.status === 'processing' ? Promise.resolve() : undefined
      // Whoever looks at an order may have it taken up, where the answer to a commit was lost; who finalizes it meanwhile waits with the first.
      const underWay = unfinished.get(order.id)
      if (underWay) return begun ?? settled(underWay)
      const named = log.child({ order: order.id, account: order.account })
      const task: Task = { order, log: named, publicKey, tries: 0, begun }
      const done = fulfil(task)
      unfinished.set(order.id, done)
      if (!begun) {
        if (await settledWithin(clock, done, PROMPT)) return done
        await begin(task)
      }
      await settled(done)
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
