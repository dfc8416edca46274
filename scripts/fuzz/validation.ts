import { Class } from '../../dns/codes.ts'
import { WireError } from '../../dns/errors.ts'
import { type Message, parseMessage } from '../../dns/message.ts'
import { isSubdomain, type Name, nameKey, parseName, ROOT } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { canonicalRdata, parseRdataText, Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import { type Accepted, accept } from '../../resolver/upstreams/accept.ts'
import { createAnchorTable } from '../../resolver/validate/anchors.ts'
import { createChain, type Inquiry } from '../../resolver/validate/chain.ts'
import { createJudge } from '../../resolver/validate/validate.ts'
import { TooMuchWork, Work } from '../../resolver/validate/work.ts'
import { readCorpus } from './corpus.ts'
import type { FuzzTarget } from './target.ts'

/** The key that signs the root of the corpus; the signatures are good on the first day of 2026. */
const ANCHOR = '45180 13 2 81B0158F708A399EC27354897ED6CD3F0BA5EFB9B152B237E4673F46E694063A'
const NOW = Date.UTC(2026, 0, 1)
const clock: Clock = { now: () => NOW, monotonic: () => 0, after: () => ({ cancel() {} }) }
/** Names below this are made from a wildcard. */
const WILD = parseName('w.lab.')

/**
 * The validator: the input is a conversation of framed responses, the first to the question, the others to what the validator asks. It throws
 * nothing but TooMuchWork, and what it calls secure is what the zones of the corpus say.
 */
export const validation: FuzzTarget = {
  extension: 'bin',
  words: ['002e', '0030', '002b', '002f', '0032', '0005', '0027', 'c00c', '0d02', '0001'].map(
    hex => new Uint8Array(Buffer.from(hex, 'hex')),
  ),
  async check(input) {
    const messages = framesOf(input).flatMap(frame => unlessMalformed(() => parseMessage(frame)) ?? [])
    const [first] = messages
    const question = first?.question[0]
    if (!first || !question || question.class !== Class.IN) return
    const sent = { ...question, recursionDesired: true, dnssecOk: true, checkingDisabled: true }
    const accepted = accept(first, sent, () => true)
    if (accepted.kind === 'unusable' || accepted.kind === 'referral') return
    await judge(question, first, accepted, messages)
  },
}

async function judge(
  { name, type }: { name: Name; type: number },
  first: Message,
  accepted: Exclude<Accepted, { kind: 'unusable' | 'referral' }>,
  messages: readonly Message[],
): Promise<void> {
  const rdata = parseRdataText(Type.DS, ANCHOR)
  const anchors = createAnchorTable({ anchors: [{ zone: ROOT, type: Type.DS, rdata }], negative: [] })
  const judge = createJudge(createChain(anchors, clock), clock)
  const { answer, authority } = accepted
  const response = { name, type, rcode: first.rcode, answer, authority, unfinished: accepted.kind === 'chain' }
  try {
    const judged = await judge.judge(response, inquiryOf(messages))
    if (judged.status === 'judged' && judged.security.status === 'secure') checkTruth(judged.answer)
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error
  }
}

function inquiryOf(messages: readonly Message[]): Inquiry {
  return {
    work: new Work(),
    secondTry: false,
    async fetch(name, type) {
      const wanted = messages.find(
        ({ question: [asked] }) => asked?.type === type && nameKey(asked.name) === nameKey(name),
      )
      if (!wanted) return { kind: 'failed', error: { code: 0, text: 'not in the conversation' } }
      return { kind: 'answer', answer: wanted.answer, authority: wanted.authority }
    },
  }
}

function checkTruth(answer: readonly ResourceRecord[]): void {
  const isMade = ({ owner, type }: ResourceRecord) => type === Type.RRSIG || isSubdomain(owner, WILD)
  const isAlias = ({ type }: ResourceRecord) => type === Type.CNAME && answer.some(one => one.type === Type.DNAME)
  for (const record of answer)
    if (!isMade(record) && !isAlias(record) && !truth().has(keyOf(record)))
      throw new Error('a forgery is called secure')
}

function keyOf({ owner, type, rdata }: ResourceRecord): string {
  return `${type} ${nameKey(owner)} ${Buffer.from(canonicalRdata(type, rdata)).toString('hex')}`
}

let known: ReadonlySet<string> | undefined

/** All records of the answers in the corpus. */
function truth(): ReadonlySet<string> {
  known ??= new Set(
    [...readCorpus('validation').values()]
      .flatMap(framesOf)
      .flatMap(frame => unlessMalformed(() => parseMessage(frame))?.answer ?? [])
      .map(keyOf),
  )
  return known
}

function framesOf(input: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 0; at + 2 < input.length; ) {
    const end = at + 2 + ((input[at]! << 8) | input[at + 1]!)
    frames.push(input.subarray(at + 2, end))
    at = end
  }
  return frames
}

function unlessMalformed<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}
