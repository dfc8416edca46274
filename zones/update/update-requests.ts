import { printAddress } from '../../config/address.ts'
import type { ZoneConfig } from '../../config/schema.ts'
import { Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Message } from '../../dns/message.ts'
import { readTsig } from '../../dns/tsig-record.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { silentTracer, type Tracer } from '../../host/tracer.ts'
import { isEmptyChange } from '../change.ts'
import { type Holders, keyText } from '../holders.ts'
import { permitRequestor, permitUpdates, type Requestor, type UpdatePolicy } from '../policy.ts'
import type { AnsweredRequest, ZoneStore } from '../store/store.ts'
import { type Actor, writeTogether, type ZoneWriter } from '../write/writer.ts'
import { ZoneError, type ZoneVersion } from '../zone.ts'
import { DeleteLimits } from './delete-limits.ts'
import { ReplayCache } from './replay.ts'
import { applyUpdate, type UpdateOutcome } from './update.ts'

/** The requestor of an update, and the MAC of its signature. */
export interface UpdateRequestor extends Requestor {
  mac?: Uint8Array
  /** On every line of the log that is about this request. */
  requestId?: string
}

/** How an update would be answered. */
export interface UpdateTrial {
  rcode: number
  /** Names the rule that says no; empty with NOERROR. */
  reason: string
  /** The index of the rule that allows each update. */
  permitted: number[]
  outcome: UpdateOutcome | undefined
}

/** How an update is answered. */
export interface UpdateReply {
  rcode: number
  /** For the log, and short for an Extended DNS Error; empty with NOERROR. */
  reason: string
  /** INFO-CODE of RFC 8914, where one fits. */
  ede: number | undefined
}

/** A zone whose updates are answered here. */
export interface UpdatedZone {
  readonly log: Log
  config(): ZoneConfig
  /** Its own, where it has one. */
  writer(): ZoneWriter | undefined
  /** The writers of this zone and, after it, of those that take each of its updates too. Throws RcodeError where one takes none. */
  targets(): { writer: ZoneWriter; log: Log }[]
  /** Resolves when none of them is becoming another kind of zone any more; undefined where none is. */
  settled(): Promise<unknown> | undefined
}

/** Milliseconds for which an update is remembered on disk, however soon its signature ends by a clock that may be set. */
const LEAST_VALIDITY = 60_000

/** Ignored updates of one message that the log shows. */
const IGNORED_LOGGED = 5

interface UpdateDeps {
  store: ZoneStore
  clock: Clock
  tracer?: Tracer
}

/** Answers the UPDATE messages to one zone, each once, by its rules. */
export class UpdateRequests {
  private readonly zone: UpdatedZone
  private readonly deps: UpdateDeps
  private readonly replays: ReplayCache<UpdateReply>
  private readonly deleteLimits: DeleteLimits

  constructor(zone: UpdatedZone, deps: UpdateDeps) {
    this.zone = zone
    this.deps = deps
    this.replays = new ReplayCache(deps.clock)
    this.deleteLimits = new DeleteLimits(deps.clock)
  }

  /**
   * Does what an UPDATE asks (RFC 2136 §3), if the rules allow it, and resolves once it is on disk and every query sees it. The message
   * is verified, and for this zone. Never rejects; a repeated message gets its first reply and is not executed again.
   */
  answer(message: Message, requestor: UpdateRequestor): Promise<UpdateReply> {
    const execute = () => this.execute(message, requestor)
    const reply = requestor.mac ? this.replays.once(requestor.mac, execute, this.validity(message)) : execute()
    return reply.catch(error => this.refuse(error, requestor))
  }

  /** Milliseconds for which the message's signature could be accepted again (RFC 8945 §5.2.3): the signer chooses the fudge. */
  private validity(message: Message): number {
    if (!message.tsig) return 0
    const { timeSigned, fudge } = readTsig(message.tsig.record.rdata)
    return (timeSigned + fudge) * 1000 - this.deps.clock.now()
  }

  private async execute(message: Message, requestor: UpdateRequestor): Promise<UpdateReply> {
    try {
      await this.change(message, requestor)
      return { rcode: Rcode.NOERROR, reason: '', ede: undefined }
    } catch (error) {
      // What failed for our own reasons may be tried again; what was refused stays refused.
      if (!(error instanceof RcodeError) || error.rcode === Rcode.SERVFAIL) throw error
      this.remember(message, requestor, error.rcode)
      return this.refuse(error, requestor)
    }
  }

  private async change(message: Message, requestor: UpdateRequestor): Promise<void> {
    const settled = this.zone.settled()
    if (settled) await settled
    const { tracer = silentTracer } = this.deps
    const targets = this.zone.targets()
    permitRequestor(this.zone.config().update, requestor)
    const actor = this.actor(message, requestor, targets[0]!.writer)
    const ignored = new Set<string>()
    let takeBack: (() => void) | undefined
    const decide = (contents: ZoneVersion, holders: Holders) =>
      tracer.span('decide', {}, span => {
        // Counted once, though it may be decided in several zones, and again.
        takeBack?.()
        const judged = this.judge(message, requestor, contents, holders)
        takeBack = this.deleteLimits.charge(judged.policy, judged.deletes)
        for (const what of judged.outcome.ignored) ignored.add(what)
        const { added, deleted } = judged.outcome.change
        span.set({ 'dns.records.added': added.length, 'dns.records.deleted': deleted.length })
        return judged.outcome
      })
    const parts = targets.map(({ writer }) => ({ writer, decide }))
    const written = await writeTogether(actor, parts).catch(error => {
      takeBack?.()
      throw error
    })
    if (written.every(({ change }) => isEmptyChange(change))) this.remember(message, requestor, Rcode.NOERROR)
    const who = whoIs(requestor)
    for (const [i, { change, version }] of written.entries()) {
      const counts = { added: change.added.length, deleted: change.deleted.length, serial: version.serial() }
      targets[i]!.log.info({ ...who, ...counts }, 'zone updated')
    }
    for (const what of [...ignored].slice(0, IGNORED_LOGGED))
      this.zone.log.warn({ ...who, what, of: ignored.size }, 'update ignored, as RFC 2136 §3.4.2 has it')
  }

  private actor(message: Message, requestor: UpdateRequestor, writer: ZoneWriter): Actor {
    const { key } = requestor
    const request = this.request(message, requestor, writer, Rcode.NOERROR)
    return { key: key && keyText(key), source: describeAddress(requestor), ...(request && { request }) }
  }

  /** RFC 8945 §5.2.3: an update that somebody recorded is not executed again, though we were restarted since. */
  async recall(zone: number): Promise<void> {
    const { clock, store } = this.deps
    const now = clock.now()
    for (const { mac, rcode, until } of await store.requests(zone, now)) {
      const reason = rcode === Rcode.NOERROR ? '' : 'it was refused before'
      this.replays.recall(mac, { rcode, reason, ede: undefined }, until - now)
    }
  }

  /** What changed nothing is remembered for a restart as well, but nobody waits for the disk. */
  private remember(message: Message, requestor: UpdateRequestor, rcode: number): void {
    const writer = this.zone.writer()
    const request = writer && this.request(message, requestor, writer, rcode)
    if (!request) return
    this.deps.store.remember(request).catch(error => {
      this.zone.log.warn({ ...whoIs(requestor), reason: String(error.message) }, 'an update could not be remembered')
    })
  }

  private request(
    message: Message,
    { mac }: UpdateRequestor,
    { zone }: ZoneWriter,
    rcode: number,
  ): AnsweredRequest | undefined {
    const until = this.deps.clock.now() + Math.max(this.validity(message), LEAST_VALIDITY)
    return mac && { zone, mac, rcode, until }
  }

  /** What an update comes to in a version of one of the zones, by the rules of this one; throws what it is refused with. */
  private judge(message: Message, requestor: Requestor, contents: ZoneVersion, holders: Holders) {
    const { name: origin, update: rules, reserved } = this.zone.config()
    const policy: UpdatePolicy = { rules, reserved, requestor, origin, contents, holders }
    let permitted: number[] = []
    const outcome = applyUpdate(contents, origin, message, updates => {
      permitted = permitUpdates(policy, updates)
    })
    return { policy, outcome, permitted, deletes: this.deleteLimits.check(policy, outcome.change) }
  }

  /** How an update would be answered now, by the very code that decides, and nothing is changed. */
  try(message: Message, requestor: Requestor): UpdateTrial {
    try {
      const pipelines = this.zone.targets().map(({ writer }) => writer.pipeline)
      permitRequestor(this.zone.config().update, requestor)
      const [own] = pipelines.map(({ tip, holders }) => this.judge(message, requestor, tip, holders))
      return { rcode: Rcode.NOERROR, reason: '', permitted: own!.permitted, outcome: own!.outcome }
    } catch (error) {
      const { rcode, message: reason } = error instanceof RcodeError ? error : unforeseen(error)
      return { rcode, reason, permitted: [], outcome: undefined }
    }
  }

  private refuse(error: unknown, requestor: UpdateRequestor): UpdateReply {
    const known = error instanceof RcodeError ? error : unforeseen(error)
    const who = whoIs(requestor)
    const level = known.rcode === Rcode.SERVFAIL ? 'error' : 'warn'
    this.zone.log[level]({ ...who, rcode: known.rcode, reason: known.message }, 'update refused')
    return { rcode: known.rcode, reason: known.message, ede: known.ede }
  }
}

function unforeseen(error: unknown): RcodeError {
  if (error instanceof ZoneError) return new RcodeError(Rcode.REFUSED, error.message)
  return new RcodeError(Rcode.SERVFAIL, error instanceof Error ? error.message : String(error))
}

/** The requestor and the request, as the log names them. */
function whoIs(requestor: UpdateRequestor): object {
  const { key, requestId } = requestor
  return { ...(requestId !== undefined && { requestId }), key: key && keyText(key), from: describeAddress(requestor) }
}

function describeAddress({ address }: Requestor): string {
  return address ? printAddress(address) : 'unknown'
}
