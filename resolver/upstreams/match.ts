import { Flag, Opcode, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage } from '../../dns/message.ts'
import { equalNames, type Name } from '../../dns/name.ts'
import type { SentQuery } from '../question.ts'

/** What a datagram or frame is to the query it may answer. */
export type Verdict =
  /** It answers the query. */
  | { kind: 'response'; message: Message }
  /** Not an answer to this query: forged, late or misdirected. It is as if it had not come. */
  | { kind: 'foreign' }
  /** Right but for the case of its letters: an upstream that does not keep it, or a forgery. */
  | { kind: 'case' }
  /** Its header fits, the rest breaks the format. */
  | { kind: 'malformed'; reason: string }

/** Where the question's name begins: right after the header. */
const QUESTION_AT = 12

/**
 * Judges a response by RFC 5452 §9.1: its ID and its question, name, type and class, must be those of the query; address and port
 * have been checked by the connected socket. With `exactCase` the letters of the name must come back as they were sent.
 */
export function judge(bytes: Uint8Array, sent: SentQuery, exactCase: boolean): Verdict {
  if (!headerFits(bytes, sent.id)) return { kind: 'foreign' }
  const exact = hasName(bytes, sent.name)
  // Other names of the message may end in a pointer into the question: they shall not inherit its random case.
  if (exact && sent.plainName !== sent.name) bytes.set(sent.plainName, QUESTION_AT)
  let message: Message
  try {
    message = parseMessage(bytes)
  } catch (error) {
    return { kind: 'malformed', reason: (error as Error).message }
  }
  if (message.question.length === 0 && refusesFormat(message)) return { kind: 'response', message }
  const question = message.question[0]
  if (message.question.length !== 1 || !question) return { kind: 'foreign' }
  if (question.type !== sent.type || question.class !== sent.class || !equalNames(question.name, sent.name))
    return { kind: 'foreign' }
  if (exactCase && !exact) return { kind: 'case' }
  return { kind: 'response', message }
}

/** Whether the question's name is this one, letter case included. */
function hasName(bytes: Uint8Array, name: Name): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[QUESTION_AT + i] !== name[i]) return false
  return true
}

function headerFits(bytes: Uint8Array, id: number): boolean {
  if (bytes.length < QUESTION_AT || ((bytes[0]! << 8) | bytes[1]!) !== id) return false
  return (bytes[2]! & (Flag.QR >>> 8)) !== 0 && ((bytes[2]! >>> 3) & 15) === Opcode.QUERY
}

/** A server that can't read a query may answer with a header alone. Nothing in such an answer is ever kept. */
export function refusesFormat(message: Message): boolean {
  return message.rcode === Rcode.FORMERR || message.rcode === Rcode.NOTIMP || message.rcode === Rcode.BADVERS
}
