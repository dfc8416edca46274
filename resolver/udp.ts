import type { Message } from '../dns/message.ts'
import type { SocketAddress } from '../host/network.ts'
import { ExchangeError } from './exchange-error.ts'
import { judge } from './match.ts'
import type { SentQuery } from './question.ts'
import type { SocketPool } from './socket-pool.ts'

/** What came back: a message, or a reason to ask again over a stream. */
export type UdpReply = { kind: 'message'; message: Message } | { kind: 'case' } | { kind: 'suspicious' }

/** So many datagrams that are no answer to the query mean that somebody is guessing. */
const FORGERIES_BORNE = 16

/** One query over UDP. It has its socket to itself, so that port and ID must both be guessed (RFC 5452 §9.2). Ends by `signal` at the latest. */
export async function askUdp(
  sockets: SocketPool,
  remote: SocketAddress,
  sent: SentQuery,
  exactCase: boolean,
  signal: AbortSignal,
): Promise<UdpReply> {
  const { promise, resolve, reject } = Promise.withResolvers<UdpReply>()
  promise.catch(() => {})
  let foreign = 0
  const receive = (bytes: Uint8Array) => {
    const verdict = judge(bytes, sent, exactCase)
    if (verdict.kind === 'response') resolve({ kind: 'message', message: verdict.message })
    else if (verdict.kind === 'case') resolve({ kind: 'case' })
    else if (verdict.kind === 'malformed') reject(new ExchangeError('invalid', verdict.reason))
    else if (++foreign > FORGERIES_BORNE) resolve({ kind: 'suspicious' })
  }
  const abandon = () => reject(new ExchangeError('timeout', 'no answer'))
  signal.addEventListener('abort', abandon, { once: true })
  const socket = await sockets.take(remote, receive, reject)
  let clean = false
  try {
    if (signal.aborted) abandon()
    else socket.send(sent.wire)
    const reply = await promise
    clean = reply.kind === 'message' && foreign === 0
    return reply
  } finally {
    signal.removeEventListener('abort', abandon)
    if (clean) socket.release()
    else socket.close()
  }
}
