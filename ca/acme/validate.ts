import type { ResourceRecord } from '../../dns/record.ts'
import { printRecord } from '../../dns/types.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import type { Challenge, ChallengeNetwork, Proof } from '../challenges/challenge.ts'
import { identifierText } from '../identifier.ts'
import type { Limits } from '../permission/limits.ts'
import { AcmeError, overloaded, problemOf } from '../problems.ts'
import type { DnsChange, Evidence } from '../record/entry.ts'
import type { OrderStore, StoredAuthorization } from '../store/orders.ts'
import type { AccountRow, ChallengeRow } from '../store/schema.ts'
import { answeredWithin, settledWithin } from '../wait.ts'
import { createWorkload } from '../workload.ts'
import { timestamp } from './states.ts'

/** Tries challenges in the background; what comes of it goes to the store. */
export interface Validator {
  /** Whether the account may have one more started; throws 503 where not. */
  admit(account: string): void
  /**
   * Validates a challenge. What is met at once is written down as valid at once; what takes longer, or is not met at the first try, is written
   * down as processing first. Resolves once the first try is over and its outcome is on disk; rejects where the disk refuses.
   */
  start(challenge: ChallengeRow, authorization: StoredAuthorization, account: AccountRow, log: Log): Promise<void>
  /** Forgets what is waiting; the store still has it as processing, for the next start. */
  close(): void
}

/** Milliseconds between tries: the first is made at once, the later ones because the client may have been a moment early. */
const RETRY_AFTER = [250, 500, 1000, 1500, 2000, 2500, 3000, 4000]
/** Milliseconds after which a try has failed, so that none holds its place for ever. */
const LONGEST_TRY = 10_000
/** Milliseconds that the first try may take before it is written down that there is one. */
const PROMPT = 50
/** Of all accounts together, and how many one of them may have unfinished. */
const LIMITS = { running: 32, waiting: 10_000, account: 500 }

/** For a challenge that was begun before the config left its type out. */
const NOT_OFFERED: Pick<Challenge, 'validate' | 'connects'> = {
  validate: () => Promise.reject(new AcmeError('malformed', 'challenges of this type are no longer offered')),
}

/** What met a challenge, and what the record is told of it. */
interface Judged {
  evidence: Evidence
  proof: Proof
}

/** One challenge on its way. */
interface Task {
  challenge: ChallengeRow
  kind: Pick<Challenge, 'validate' | 'connects'>
  attempt: Parameters<Challenge['validate']>[0]
  authorization: StoredAuthorization
  account: string
  log: Log
  tries: number
  /** Whether the store has it as processing. */
  begun: boolean
}

export function createValidator(deps: {
  store: OrderStore
  challenges: readonly Challenge[]
  network: ChallengeNetwork
  /** URL of an account. */
  accountUrl(id: string): string
  /** The change of a zone of ours by which a record came into being. */
  provenance(record: ResourceRecord): Promise<DnsChange | undefined>
  /** Milliseconds for which an authorization serves further orders. */
  authorizationReuse: number
  clientLimits: Pick<Limits, 'validation' | 'failed'>
  clock: Clock
  limits?: typeof LIMITS
}): Validator {
  const { store, challenges, network, clock, clientLimits, limits = LIMITS } = deps
  // Hosts that never answer must not keep look-ups waiting.
  const workloads = {
    lookup: createWorkload('challenges are being looked up', limits),
    connection: createWorkload('challenges are being connected to', limits),
  }
  /** Unfinished ones by account; those with none are not in it. */
  const unfinishedOf = new Map<string, number>()
  const count = (account: string, by: number) => {
    const left = (unfinishedOf.get(account) ?? 0) + by
    if (left > 0) unfinishedOf.set(account, left)
    else unfinishedOf.delete(account)
  }
  /** Tries that wait for their time. */
  const timers = new Set<Timer>()
  /** Ids of challenges that are on their way. */
  const unfinished = new Set<string>()
  let closed = false

  const judge = async (task: Task): Promise<AcmeError | Judged> => {
    try {
      const trial = task.kind.validate(task.attempt, network)
      const late = () => new AcmeError(task.kind.connects ? 'connection' : 'dns', 'there was no answer in time')
      const proof = await answeredWithin(clock, trial, LONGEST_TRY, late)
      return { evidence: await evidenceOf(task, proof), proof }
    } catch (error) {
      if (error instanceof AcmeError) return error
      task.log.warn({ err: error }, 'challenge could not be tried')
      return new AcmeError('dns', 'the lookup failed', { cause: error })
    }
  }

  const evidenceOf = async (
    { challenge, attempt: { subject } }: Task,
    { records, address }: Proof,
  ): Promise<Evidence> => {
    const { identifier, wildcard } = subject
    const [record] = records ?? []
    const change = record && (await deps.provenance(record))
    return {
      identifier: identifierText({ ...identifier, value: wildcard ? `*.${identifier.value}` : identifier.value }),
      method: challenge.type,
      validated: timestamp(clock.now()),
      ...(record && { record: printRecord(record) }),
      ...(address !== undefined && { host: address }),
      ...(change && { change }),
    }
  }

  const pass = (task: Task, { evidence, proof }: Judged) => {
    const at = clock.now()
    const until = Math.max(task.authorization.expires_at, at + deps.authorizationReuse)
    const passed = { at, until: Math.min(until, proof.until ?? until), proof: JSON.stringify(evidence) }
    return settle(task, () => store.passChallenge(task.challenge, passed), 'challenge valid')
  }

  const attempt = async (task: Task): Promise<void> => {
    const workload = task.kind.connects ? workloads.connection : workloads.lookup
    const outcome = await workload.run(() => judge(task))
    if (closed) return
    if (!(outcome instanceof AcmeError)) return pass(task, outcome)
    const problem = outcome
    task.log.debug({ try: task.tries + 1, problem: problem.message }, 'challenge not met yet')
    const wait = RETRY_AFTER[task.tries++]
    if (wait !== undefined) return (await begin(task)) ? later(task, wait) : undefined
    clientLimits.failed(task.account)
    const error = JSON.stringify(problemOf(problem))
    return settle(task, () => store.failChallenge(task.challenge, error), `challenge invalid: ${problem.message}`)
  }

  /** Writes down that it is being tried, for a restart to go on with; false where it was ended otherwise. */
  const begin = async (task: Task): Promise<boolean> => {
    if (task.begun) return true
    task.begun = true
    try {
      await store.startChallenge(task.challenge, clock.now(), task.challenge.request ?? '')
      return true
    } catch (error) {
      leave(task)
      if (!(error instanceof ConflictError)) throw error
      return false
    }
  }

  const leave = (task: Task) => {
    if (unfinished.delete(task.challenge.id)) count(task.account, -1)
  }

  const settle = async (task: Task, write: () => Promise<void>, message: string) => {
    try {
      await write()
      task.log.info({ tries: task.tries + 1 }, message)
    } catch (error) {
      if (!(error instanceof ConflictError)) {
        // On disk it stays as it is: a full one may have room again.
        task.log.error({ err: error }, 'the outcome of a challenge could not be kept; tried again')
        return later(task, RETRY_AFTER.at(-1)!)
      }
      // Deactivated or expired meanwhile: nothing is left to decide.
      task.log.info({}, 'challenge was ended otherwise')
    }
    leave(task)
  }

  const later = (task: Task, wait: number) => {
    if (closed) return
    const timer = clock.after(wait, () => {
      timers.delete(timer)
      void attempt(task).catch(error => retreat(task, error))
    })
    timers.add(timer)
  }

  /** Too much waits to try now: the try is put off. */
  const retreat = async (task: Task, error: unknown) => {
    if (!unfinished.has(task.challenge.id)) throw error
    task.log.warn({ err: error }, 'challenge put off')
    if (await begin(task)) later(task, RETRY_AFTER.at(-1)!)
  }

  return {
    admit(account) {
      if (unfinished.size >= limits.waiting) throw overloaded('too many challenges are being validated')
      if ((unfinishedOf.get(account) ?? 0) >= limits.account)
        throw overloaded('too many challenges of this account are being validated')
      clientLimits.validation(account)
    },
    async start(challenge, authorization, account, log) {
      const kind = challenges.find(each => each.type === challenge.type)
      // Whoever looks at a challenge may have it taken up, where the answer to a commit was lost.
      if (closed || unfinished.has(challenge.id)) return
      unfinished.add(challenge.id)
      count(account.id, 1)
      const subject = {
        identifier: { type: authorization.type, value: authorization.value },
        wildcard: authorization.wildcard === 1,
      }
      const { token } = challenge
      const task: Task = {
        challenge,
        kind: kind ?? NOT_OFFERED,
        // RFC 8555 §8.1.
        attempt: {
          subject,
          token,
          keyAuthorization: `${token}.${account.thumbprint}`,
          accountUrl: deps.accountUrl(account.id),
          thumbprints: [account.thumbprint, ...JSON.parse(account.former_thumbprints)],
        },
        authorization,
        account: account.id,
        log: log.child({ challenge: challenge.id, type: challenge.type, name: authorization.value }),
        tries: 0,
        begun: challenge.status === 'processing',
      }
      const first = attempt(task).catch(error => retreat(task, error))
      if (!task.begun && !(await settledWithin(clock, first, PROMPT))) await begin(task)
      await first
    },
    close() {
      closed = true
      for (const timer of timers) timer.cancel()
      timers.clear()
    },
  }
}
