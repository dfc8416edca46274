import { OptionCode } from '../../dns/codes.ts'
import type { Query } from '../../dns/query.ts'
import type { Policies } from '../../resolver/policy/policies.ts'
import type { Client } from '../listen/client.ts'
import type { Answered } from '../sight/sight.ts'
import { DECIDED } from './forwarding.ts'
import type { HandlerParts } from './handler-parts.ts'
import type { PolicyNote } from './policy-notes.ts'
import { nameOf } from './query.ts'
import { verdictOn } from './resolving.ts'
import type { ServingView } from './state.ts'

/** Answers that policies have made, given again from the answer cache: each counts and is told of like the first. */
export class KeptDecisions {
  private readonly parts: HandlerParts
  /** Who has made the answer that is being given, and what it was kept with; undefined where no policy has. */
  private policies: Policies | undefined
  private note: PolicyNote | undefined

  constructor(parts: HandlerParts) {
    this.parts = parts
  }

  /** To be called before each answer. */
  begin(): void {
    this.note = undefined
  }

  /** The answer of `length` octets, found in the cache with the note of this number, is to be completed. */
  found(number: number, query: Query, { name, policies }: ServingView, client: Client, length: number, limit: number) {
    const { policyNotes, policyLog, responseOptions, options, now } = this.parts
    const note = policyNotes.get(number)
    this.note = note
    this.policies = policies
    options.counters[DECIDED]!++
    if (query.hasEdns) responseOptions.tell(OptionCode.EDE, note.data, length, limit)
    if (!note.log || !policies || !policyLog.hasRoom(now)) return
    const verdict = verdictOn(nameOf(query), client.address, policies)
    if (verdict) policyLog.decided(verdict, name, client.address)
  }

  /** For who looks at answers; undefined where no policy has made this one. The rule is looked for anew, so that nothing of it need be kept. */
  describe(query: Query, client: Client): Answered['resolved'] {
    const { note, policies } = this
    if (!note) return undefined
    const verdict = policies && verdictOn(nameOf(query), client.address, policies)
    return { ede: note.ede, ...(verdict && { policy: verdict.rule }) }
  }
}
