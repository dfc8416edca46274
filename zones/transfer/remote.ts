import { Flag } from '../../dns/codes.ts'
import { WireError } from '../../dns/errors.ts'
import { createFrameReader, frame } from '../../dns/frames.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { equalNames } from '../../dns/name.ts'
import { signRequest } from '../../dns/tsig.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import { createStreamVerifier } from '../../dns/tsig-stream.ts'
import type { Timer } from '../../host/clock.ts'
import type { SocketAddress, SourceOptions, TlsOptions, UdpSocket } from '../../host/network.ts'
import type { World } from '../../host/world.ts'
import { ZoneError } from '../image/errors.ts'

/** A server that we exchange messages about zones with: one that has a zone from us, or we from it. */
export interface Remote {
  address: SocketAddress
  /** Signs what we send and must have signed what comes back. */
  key?: TsigKey
  /** Streams are TLS. */
  tls?: TlsOptions
  /** The address of ours that it is to hear from. */
  source?: string
}

/** An exchange that came to nothing: silence, a broken connection, or an answer that can't be used. */
export class RemoteError extends Error {
  override name = 'RemoteError'
  readonly code = 'remote'
}

/** An answer of more octets than were to be read. */
export class TooLong extends RemoteError {
  override name = 'TooLong'
}

/** A request, without its ID. */
export type RemoteRequest = Omit<Message, 'id' | 'tsig'>

/**
 * Sends a request over UDP until it is answered: once, and again after each of `waits` milliseconds but the last, which ends it. What is
 * no answer, or is not signed as it must be, is passed over; anybody can send that.
 */
export async function askByDatagram(
  world: World,
  remote: Remote,
  request: RemoteRequest,
  waits: readonly number[],
): Promise<Message> {
  const sent = dress(world, remote, request)
  const { promise, resolve, reject } = Promise.withResolvers<Message>()
  promise.catch(() => {})
  let passedOver: string | undefined
  const receive = (octets: Uint8Array): void => {
    try {
      resolve(sent.accept(octets))
    } catch (error) {
      passedOver = (error as Error).message
    }
  }
  const fail = (error: Error) => reject(new RemoteError(error.message))
  const socket = await world.network.udp(remote.address, receive, fail, sourceOf(remote))
  let timer: Timer | undefined
  const send = (attempt: number): void => {
    const wait = waits[attempt]
    if (wait === undefined) {
      reject(new RemoteError(passedOver ?? 'no answer'))
      return
    }
    socket.send(sent.wire)
    timer = world.clock.after(wait, () => send(attempt + 1))
  }
  try {
    send(0)
    return await promise
  } finally {
    close(socket, timer)
  }
}

function close(socket: UdpSocket, timer: Timer | undefined): void {
  timer?.cancel()
  socket.close()
}

/** How long a stream may take, in milliseconds, and how much it may bring, in octets. */
export interface StreamLimits {
  connect: number
  /** From one message to the next. */
  idle: number
  whole: number
  octets: number
  /** Gives up. */
  signal?: AbortSignal
}

/**
 * Sends a request over a stream and hands its answers to `accept`, one after another, until that returns true. Each is signed as it must
 * be (RFC 8945 §5.3.1), with what `accept` was given before; only when this resolves are all of them proven.
 */
export async function askByStream(
  world: World,
  remote: Remote,
  request: RemoteRequest,
  limits: StreamLimits,
  accept: (message: Message) => boolean,
): Promise<void> {
  const { clock, network } = world
  const sent = dress(world, remote, request)
  const abort = new AbortController()
  let failure: RemoteError | undefined
  let end = (): void => abort.abort()
  const fail = (why: string) => () => {
    failure ??= new RemoteError(why)
    end()
  }
  const giveUp = fail('given up')
  limits.signal?.addEventListener('abort', giveUp, { once: true })
  let idle = clock.after(limits.connect, fail('no connection in time'))
  const whole = clock.after(limits.whole, fail('the answer took too long'))
  let octets = 0
  try {
    const connection = await network.connect(remote.address, {
      signal: abort.signal,
      ...(remote.tls && { tls: remote.tls }),
      ...sourceOf(remote),
    })
    end = () => connection.close()
    try {
      if (failure || limits.signal?.aborted) throw failure ?? new RemoteError('given up')
      connection.write(frame(sent.wire))
      const frames = createFrameReader()
      const rest = (): void => {
        idle.cancel()
        idle = clock.after(limits.idle, fail('no further message in time'))
      }
      rest()
      for await (const chunk of connection.chunks) {
        octets += chunk.length
        if (octets > limits.octets) throw new TooLong(`the answer has more than ${limits.octets} octets`)
        for (const one of frames.push(chunk)) {
          rest()
          if (!accept(sent.accept(one))) continue
          sent.end()
          return
        }
      }
    } finally {
      connection.close()
    }
    throw new RemoteError('the connection ended before the answer did')
  } catch (error) {
    throw failure ?? asRemoteError(error)
  } finally {
    idle.cancel()
    whole.cancel()
    limits.signal?.removeEventListener('abort', giveUp)
  }
}

/** For opening a socket towards it. */
export function sourceOf({ source }: Remote): SourceOptions {
  return source === undefined ? {} : { source }
}

/** What `accept` throws is its caller's; all else is the network's or the server's. */
function asRemoteError(error: unknown): unknown {
  if (error instanceof RemoteError || error instanceof ZoneError) return error
  return new RemoteError(error instanceof Error ? error.message : String(error))
}

/** A request as it is sent, and the check of what comes back. */
function dress({ clock, random }: World, { key }: Remote, request: RemoteRequest) {
  const seconds = (): number => Math.floor(clock.now() / 1000)
  const plain = writeMessage({ ...request, id: random.below(65536) })
  const signed = key && signRequest(plain, key, seconds())
  const verifier = signed && createStreamVerifier(signed.context)
  let first = true
  return {
    wire: signed?.wire ?? plain,
    /** The answer in these octets; throws where they are none, or the signature does not hold. */
    accept(octets: Uint8Array): Message {
      const answer = parseAnswer(octets)
      const [asked] = request.question
      const [echoed, ...more] = answer.question
      if (octets[0] !== plain[0] || octets[1] !== plain[1]) throw new RemoteError('the answer has another ID')
      if (!(answer.flags & Flag.QR) || answer.opcode !== request.opcode)
        throw new RemoteError('what came back is not an answer')
      // RFC 5936 §2.2.1: later messages of a transfer may leave the question out.
      const same = echoed
        ? more.length === 0 && echoed.type === asked!.type && equalNames(echoed.name, asked!.name)
        : true
      if (!same || (first && !echoed && answer.rcode === 0)) throw new RemoteError('the answer is to another question')
      verifier?.check(octets, answer, seconds())
      first = false
      return answer
    },
    end(): void {
      verifier?.end()
    },
  }
}

function parseAnswer(octets: Uint8Array): Message {
  try {
    return parseMessage(octets)
  } catch (error) {
    if (error instanceof WireError) throw new RemoteError(`the answer breaks the format: ${error.message}`)
    throw error
  }
}
