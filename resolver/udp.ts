import type { Message } from '../dns/message.ts'
import type { Network, SocketAddress } from '../host/network.ts'
import { ExchangeError, socketFailure } from './exchange-error.ts'
import { judge } from './match.ts'
import type { SentQuery } from './question.ts'

/** What came back: a message, or a reason to ask again over a stream. */
export type UdpReply = { kind: 'message'; message: Message } | { kind: 'case' } | { kind: 'suspicious' }

/** So many datagrams that are no answer to the query mean that somebody is guessing. */
const FORGERIES_BORNE = 16

/** One query over UDP from a socket of its own, so that port and ID must both be guessed (RFC 5452 §9.2). Ends by `signal` at the latest. */
export async function askUdp(
  network: Network,
  remote: SocketAddress,
  sent: SentQuery,
  exactCase: boolean,
  signal: AbortSignal,
): Promise<UdpReply> {
  let settle: (reply: UdpReply) => void = () => {}
  let fail: (error: Error) => void = () => {}
  const reply = new Promise<UdpReply>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  reply.catch(() => {})
  let foreign = 0
  const receive = (bytes: Uint8Array) => {
    const verdict = judge(bytes, sent, exactCase)
    if (verdict.kind === 'response') settle({ kind: 'message', message: verdict.message })
    else if (verdict.kind === 'case') settle({ kind: 'case' })
    else if (verdict.kind === 'malformed') fail(new ExchangeError('invalid', verdict.reason))
    else if (++foreign > FORGERIES_BORNE) settle({ kind: 'suspicious' })
  }
  const abandon = () => fail(new ExchangeError('timeout', 'no answer'))
  signal.addEventListener('abort', abandon, { once: true })
  const socket = await network
    .udp(remote, receive, error => fail(socketFailure(error)))
    .catch((error: Error) => {
      throw socketFailure(error)
    })
  try {
    if (signal.aborted) abandon()
    else socket.send(sent.wire)
    return await reply
  } finally {
    signal.removeEventListener('abort', abandon)
    socket.close()
  }
}
