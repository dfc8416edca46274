import { Class, Flag } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import type { Name } from '../../dns/name.ts'
import { Query, readQuery } from '../../dns/query.ts'
import { ResponseWriter } from '../../dns/response.ts'
import { Answerer } from '../../zones/lookup/answer.ts'
import { type Part, resolveForwarded, writeForwarded } from './forwarded.ts'
import { answerFromZones, type Unresolved } from './query.ts'
import type { ServingView } from './state.ts'

/** What a view says to a question, and what of it came from elsewhere than its zones. */
export interface Inquiry {
  message: Message
  unresolved: Unresolved | undefined
  /** What the resolver said, where it was asked. */
  parts: readonly Part[]
}

/** What a question is put with; large enough to be used again and again. */
class Desk {
  readonly query = new Query()
  readonly answerer = new Answerer()
  readonly response = new ResponseWriter()
}

/** How a view is asked. `client` is whose limit of outstanding questions counts. */
export interface InquiryOptions {
  recursive: boolean
  client: string
  address?: Uint8Array
}

/**
 * Asks a view from inside this process, once: our own zones as they are this moment, the resolver for the rest where `recursive`. The very
 * code that answers clients, without a socket and without the answer cache. Whoever asks often has `createInquirer`.
 */
export function inquire(view: ServingView, name: Name, type: number, options: InquiryOptions): Promise<Inquiry> {
  return createInquirer()(view, name, type, options)
}

/** `inquire` for whoever asks often: what zones answer needs but one desk, which is free again at once. */
export function createInquirer(): typeof inquire {
  let spare: Desk | undefined
  return async (view, name, type, options) => {
    const desk = spare ?? new Desk()
    spare = undefined
    const unresolved = askZones(desk, view, name, type, options)
    if (!unresolved) {
      spare = desk
      return { message: messageOf(desk), unresolved, parts: [] }
    }
    try {
      const parts = await askResolver(desk, view, unresolved, options)
      return { message: messageOf(desk), unresolved, parts }
    } finally {
      spare = desk
    }
  }
}

/** Writes what zones answer; gives what they leave to the resolver. */
function askZones(
  { query, answerer, response }: Desk,
  view: ServingView,
  name: Name,
  type: number,
  { recursive }: InquiryOptions,
): Unresolved | undefined {
  const wire = writeMessage({
    ...{ id: 0, flags: Flag.RD, opcode: 0, rcode: 0, answer: [], authority: [], additional: [] },
    question: [{ name, type, class: Class.IN }],
    edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] },
  })
  readQuery(wire, 0, wire.length, query)
  response.begin(query)
  return answerFromZones(query, view, { allowed: recursive, desired: recursive }, answerer, response)
}

/** Writes what the resolver says to that, and gives it. */
async function askResolver(
  { query, answerer, response }: Desk,
  view: ServingView,
  unresolved: Unresolved,
  { client, address = LOOPBACK }: InquiryOptions,
): Promise<readonly Part[]> {
  const scratch = { answerer: new Answerer(), response: new ResponseWriter() }
  const forwarded = await resolveForwarded(query, view, unresolved, { account: client, address, udp: false }, scratch)
  response.begin(query)
  writeForwarded(forwarded, answerer, response)
  return forwarded.parts
}

function messageOf({ response }: Desk): Message {
  response.finish()
  // Cut out: the desk is used again.
  return parseMessage(response.message().slice())
}

/** Who asks from inside. */
const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
