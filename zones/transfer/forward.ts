import { Opcode } from '../../dns/codes.ts'
import { createFrameReader, frame } from '../../dns/frames.ts'
import type { World } from '../../host/world.ts'
import { type Remote, RemoteError, sourceOf } from './remote.ts'

/** Milliseconds until a primary must have taken the connection, and have answered. */
const PATIENCE = { connect: 2000, answer: 10_000 }

/**
 * Hands an UPDATE on to a primary, and gives its answer (RFC 2136 §6). The message goes as it came, its signature included: the primary
 * judges the client by the client's own key, and the client verifies the primary's answer. It has a connection to itself, so it keeps its ID.
 * Rejects with RemoteError, by its `sent` whether the primary may have got the message.
 */
export async function forwardUpdate({ network, clock }: World, remote: Remote, wire: Uint8Array): Promise<Uint8Array> {
  const abort = new AbortController()
  let end = (): void => abort.abort()
  let sent = false
  let late = false
  const timeout = () => {
    late = true
    end()
  }
  let timer = clock.after(PATIENCE.connect, timeout)
  try {
    const connection = await network.connect(remote.address, {
      signal: abort.signal,
      ...(remote.tls && { tls: remote.tls }),
      ...sourceOf(remote),
    })
    end = () => connection.close()
    timer.cancel()
    timer = clock.after(PATIENCE.answer, timeout)
    try {
      sent = true
      connection.write(frame(wire))
      const frames = createFrameReader()
      for await (const chunk of connection.chunks)
        for (const answer of frames.push(chunk)) if (answers(answer, wire)) return answer
    } finally {
      connection.close()
    }
    throw new Error('the primary closed the connection')
  } catch (error) {
    throw new ForwardError(late ? 'no answer in time' : (error as Error).message, sent)
  } finally {
    timer.cancel()
  }
}

/** A primary that could not be asked to change the zone, or did not say whether it has. */
export class ForwardError extends RemoteError {
  override name = 'ForwardError'
  readonly sent: boolean
  constructor(message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

/** The same ID, and a response to an UPDATE. */
function answers(answer: Uint8Array, request: Uint8Array): boolean {
  const isResponse = answer.length >= 12 && (answer[2]! & 0x80) !== 0 && ((answer[2]! >> 3) & 15) === Opcode.UPDATE
  return isResponse && answer[0] === request[0] && answer[1] === request[1]
}
