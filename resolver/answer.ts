import { Class, Ede, Rcode } from '../dns/codes.ts'
import type { Question } from '../dns/message.ts'
import type { Name } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { isMetaType, Type } from '../dns/types.ts'
import type { ExtendedError } from './cache/failures.ts'
import type { Authorities } from './routes/authorities.ts'
import { localAnswer } from './routes/local.ts'
import type { Security } from './validate/security.ts'

/** An answer, its TTLs counted down. */
export interface ResolverAnswer {
  rcode: Rcode
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  additional: ResourceRecord[]
  /** AD: we validated it, or an upstream did and told us so over a channel that can't be tampered with. */
  ad: boolean
  /** What validating it came to, of all links of a chain that were validated the least secure. */
  security?: Security
  ede?: ExtendedError
  from: 'cache' | 'upstream' | 'stale' | 'local'
  /** Seconds for which the caller may repeat it without asking again: less than its TTLs where it is to be renewed before they end. */
  renewIn: number
  /** Where authoritative servers were asked, for any link of a chain: who they are. */
  authorities?: Authorities
  /** The upstream that was asked, as in logs, and the zone of the rule; absent where nobody was asked. */
  upstream?: string
  rule?: Name
  /** Where the CNAME chain in `answer` goes on to a name of the caller's own, or to one that no rule covers. */
  next?: Name
}

/** An answer without records. */
export function emptyAnswer(rcode: Rcode, from: ResolverAnswer['from']): ResolverAnswer {
  return { rcode, answer: [], authority: [], additional: [], ad: false, from, renewIn: 0 }
}

/** What a client gets instead of an answer, and why. */
export function failure(ede: ExtendedError, rcode: Rcode = Rcode.SERVFAIL): ResolverAnswer {
  return { ...emptyAnswer(rcode, 'upstream'), ede }
}

/** The answer to a question that nobody need be asked for: what we know by ourselves, or that it can't be forwarded. */
export function answerAlone(question: Question): ResolverAnswer | undefined {
  const local = localAnswer(question)
  if (local) return { ...emptyAnswer(Rcode.NOERROR, 'local'), answer: [...local] }
  if (question.class === Class.IN && (!isMetaType(question.type) || question.type === Type.ANY)) return undefined
  return failure({ code: Ede.NOT_SUPPORTED, text: 'not a question that can be forwarded' }, Rcode.NOTIMP)
}
