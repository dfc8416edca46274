import type { Clock, Timer } from '../host/clock.ts'
import { ConflictError } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import type { Challenge, ChallengeNetwork } from './challenges/challenge.ts'
import { AcmeError, overloaded, problemOf } from './problems.ts'
import type { OrderStore, StoredAuthorization } from './store/orders.ts'
import type { AccountRow, ChallengeRow } from './store/schema.ts'
import { answeredWithin } from './wait.ts'
import { createWorkload } from './workload.ts'

/** Tries challenges in the background; what comes of it goes to the store. */
export interface Validator {
  /** Whether one more may be started; throws 503 where not. */
  admit(): void
  /** Validates a challenge that the store has as processing. Resolves once the first try is over and written down. */
  start(challenge: ChallengeRow, authorization: StoredAuthorization, account: AccountRow, log: Log): Promise<void>
  /** Forgets what is waiting; the store still has it as processing, for the next start. */
  close(): void
}

/** Milliseconds between tries: the first is made at once, the later ones because the client may have been a moment early. */
const RETRY_AFTER = [250, 500, 1000, 1500, 2000, 2500, 3000, 4000]
/** Milliseconds after which a try has failed, so that none holds its place for ever. */
const LONGEST_TRY = 10_000
const LIMITS = { running: 32, waiting: 10_000 }

/** For a challenge that was begun before the config left its type out. */
const NOT_OFFERED: Pick<Challenge, 'validate'> = {
  validate: () => Promise.reject(new AcmeError('malformed', 'challenges of this type are no longer offered')),
}

/** One challenge on its way. */
interface Task {
  challenge: ChallengeRow
  kind: Pick<Challenge, 'validate'>
  attempt: Parameters<Challenge['validate']>[0]
  log: Log
  tries: number
}

export function createValidator(deps: {
  store: OrderStore
  challenges: readonly Challenge[]
  network: ChallengeNetwork
  clock: Clock
  limits?: { running: number; waiting: number }
}): Validator {
  const { store, challenges, network, clock, limits = LIMITS } = deps
  const workload = createWorkload('challenges are being validated', limits)
  /** Tries that wait for their time. */
  const timers = new Set<Timer>()
  let unfinished = 0
  let closed = false

  const judge = async (task: Task): Promise<AcmeError | undefined> => {
    try {
      const trial = task.kind.validate(task.attempt, network)
      await answeredWithin(clock, trial, LONGEST_TRY, () => new AcmeError('dns', 'there was no answer in time'))
      return undefined
    } catch (error) {
      if (error instanceof AcmeError) return error
      task.log.warn({ err: error }, 'challenge could not be tried')
      return new AcmeError('dns', 'the lookup failed', { cause: error })
    }
  }

  const attempt = async (task: Task): Promise<void> => {
    const problem = await workload.run(() => judge(task))
    if (closed) return
    if (!problem) return settle(task, () => store.passChallenge(task.challenge, clock.now()), 'challenge valid')
    task.log.debug({ try: task.tries + 1, problem: problem.message }, 'challenge not met yet')
    const wait = RETRY_AFTER[task.tries++]
    if (wait !== undefined) return later(task, wait)
    const error = JSON.stringify(problemOf(problem))
    return settle(task, () => store.failChallenge(task.challenge, error), `challenge invalid: ${problem.message}`)
  }

  const settle = async (task: Task, write: () => Promise<void>, message: string) => {
    try {
      await write()
      task.log.info({ tries: task.tries + 1 }, message)
    } catch (error) {
      if (!(error instanceof ConflictError)) {
        // It stays processing on disk: a full one may have room again.
        task.log.error({ err: error }, 'the outcome of a challenge could not be kept; tried again')
        return later(task, RETRY_AFTER.at(-1)!)
      }
      // Deactivated or expired meanwhile: nothing is left to decide.
      task.log.info({}, 'challenge was ended otherwise')
    }
    unfinished--
  }

  const later = (task: Task, wait: number) => {
    if (closed) return
    const timer = clock.after(wait, () => {
      timers.delete(timer)
      attempt(task).catch(error => retreat(task, error))
    })
    timers.add(timer)
  }

  /** Too much waits to try now: the try is put off. */
  const retreat = (task: Task, error: unknown) => {
    task.log.warn({ err: error }, 'challenge put off')
    later(task, RETRY_AFTER.at(-1)!)
  }

  return {
    admit() {
      if (unfinished >= limits.waiting) throw overloaded('too many challenges are being validated')
    },
    async start(challenge, authorization, account, log) {
      const kind = challenges.find(each => each.type === challenge.type)
      if (closed) return
      unfinished++
      const subject = {
        identifier: { type: authorization.type, value: authorization.value },
        wildcard: authorization.wildcard === 1,
      }
      const { token } = challenge
      const task: Task = {
        challenge,
        kind: kind ?? NOT_OFFERED,
        // RFC 8555 §8.1.
        attempt: { subject, token, keyAuthorization: `${token}.${account.thumbprint}` },
        log: log.child({ challenge: challenge.id, type: challenge.type, name: authorization.value }),
        tries: 0,
      }
      await attempt(task).catch(error => retreat(task, error))
    },
    close() {
      closed = true
      for (const timer of timers) timer.cancel()
      timers.clear()
    },
  }
}
