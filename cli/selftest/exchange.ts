import { Flag } from '../../dns/codes.ts'
import { createFrameReader, frame } from '../../dns/frames.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { signRequest } from '../../dns/tsig.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import { createStreamVerifier } from '../../dns/tsig-stream.ts'
import type { SocketAddress } from '../../host/network.ts'
import { systemRandom } from '../../host/random.ts'
import { systemNetwork } from '../../host/system-network.ts'

/** A request, without its ID. */
export type Request = Omit<Message, 'id' | 'tsig'>

/** Milliseconds until a server is given up. */
const PATIENCE = 5000

/** A question as any client asks it. */
export function question(name: Message['question'][0]['name'], type: number): Request {
  return {
    ...{ flags: Flag.RD, opcode: 0, rcode: 0, answer: [], authority: [], additional: [] },
    question: [{ name, type, class: 1 }],
    edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] },
  }
}

/** One answer over UDP. Rejects where none comes in time. */
export async function overUdp(server: SocketAddress, request: Request): Promise<Message> {
  const sent = dress(request)
  const { promise, resolve, reject } = Promise.withResolvers<Message>()
  const receive = (octets: Uint8Array) => {
    try {
      resolve(sent.accept(octets))
    } catch (error) {
      reject(error as Error)
    }
  }
  const socket = await systemNetwork.udp(server, receive, reject)
  const timer = setTimeout(() => reject(new Error(`no answer over UDP within ${PATIENCE / 1000} s`)), PATIENCE)
  try {
    socket.send(sent.wire)
    return await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

/** The answers over TCP until `isLast`, each signed as it must be where the request is. Rejects where they don't come in time. */
export async function overTcp(
  server: SocketAddress,
  request: Request,
  key?: TsigKey,
  isLast: (message: Message) => boolean = () => true,
): Promise<Message[]> {
  const sent = dress(request, key)
  const abort = new AbortController()
  const connection = await systemNetwork.connect(server, { signal: abort.signal })
  const timer = setTimeout(() => connection.close(), PATIENCE)
  try {
    connection.write(frame(sent.wire))
    const frames = createFrameReader()
    const answers: Message[] = []
    for await (const chunk of connection.chunks)
      for (const octets of frames.push(chunk)) {
        const answer = sent.accept(octets)
        answers.push(answer)
        if (!isLast(answer)) continue
        sent.end()
        return answers
      }
    throw new Error('the connection ended before the answer did')
  } finally {
    clearTimeout(timer)
    connection.close()
  }
}

/** A request as it is sent, and the check of what comes back. */
function dress(request: Request, key?: TsigKey) {
  const now = () => Math.floor(Date.now() / 1000)
  const plain = writeMessage({ ...request, id: systemRandom.below(65536) })
  const signed = key && signRequest(plain, key, now())
  const verifier = signed && createStreamVerifier(signed.context)
  return {
    wire: signed?.wire ?? plain,
    accept(octets: Uint8Array): Message {
      const answer = parseMessage(octets)
      if (octets[0] !== plain[0] || octets[1] !== plain[1] || !(answer.flags & Flag.QR))
        throw new Error('what came back is not the answer')
      verifier?.check(octets, answer, now())
      return answer
    },
    end: () => verifier?.end(),
  }
}
