import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2'
import { isIPv6 } from 'node:net'
import type { Message } from '../../dns/message.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import type { Timer } from '../../host/clock.ts'
import type { Connection } from '../../host/network.ts'
import type { Cancellation } from '../cancellation.ts'
import { buildQuery } from '../question.ts'
import { ExchangeError, socketFailure } from './exchange-error.ts'
import { judge } from './match.ts'
import type { ServerAddress } from './server.ts'
import type { DnsStream, StreamOptions } from './stream.ts'

const IDLE = 30_000
const CONNECT_TIMEOUT = 3000
const MAX_OUTSTANDING = 100
/** Questions unanswered for so long, with nothing else answered since, make a connection doubtful: others take a fresh one. */
const SILENCE_BORNE = 700
/** The longest DNS message. */
const MAX_BODY = 65_535
const MEDIA_TYPE = 'application/dns-message'

/** One HTTP/2 connection to a DoH server (RFC 8484), on which questions are asked side by side. */
export function createHttpsStream(at: ServerAddress, options: StreamOptions): DnsStream {
  const { clock, random, onClosed } = options
  const abort = new AbortController()
  let session: ClientHttp2Session | undefined
  let worked = false
  let closed = false
  let outstanding = 0
  let quietSince: number | undefined
  let timer: Timer = clock.after(CONNECT_TIMEOUT, () => end(new ExchangeError('network', 'no connection in time')))
  const opening = options.connect(abort.signal).then(open)
  opening.catch(error => end(error instanceof ExchangeError ? error : socketFailure(error)))

  function open(connection: Connection): ClientHttp2Session {
    timer.cancel()
    // RFC 8484 §5.2: HTTP/2 is the least that is recommended, and what pipelining needs.
    if (connection.alpn !== 'h2') {
      connection.close()
      throw new ExchangeError('network', 'the server does not speak HTTP/2')
    }
    const { socket } = connection
    if (!socket) throw new ExchangeError('network', 'this network has no sockets for HTTP/2')
    session = connectHttp2(`https://${authorityOf(at)}`, { createConnection: () => socket })
    session.on('error', error => end(socketFailure(error)))
    session.on('goaway', () => end(new ExchangeError('network', 'the server closed the connection')))
    session.on('close', () => end(new ExchangeError('network', 'the server closed the connection')))
    if (closed) session.destroy()
    return session
  }

  const ask: DnsStream['ask'] = async (question, dress, cancellation) => {
    outstanding++
    quietSince ??= clock.monotonic()
    if (session) timer.cancel()
    try {
      // RFC 8484 §4.1: the ID is 0, for the sake of HTTP caches.
      const sent = buildQuery(question, dress, 0, random)
      const { body, age } = await post(await untilCancelled(opening, cancellation), at, sent.wire, cancellation)
      const verdict = judge(body, sent, false)
      if (verdict.kind !== 'response') throw new ExchangeError('invalid', 'it answers another question')
      worked = true
      quietSince = clock.monotonic()
      return olderBy(verdict.message, age)
    } finally {
      outstanding--
      if (outstanding === 0) quietSince = undefined
      if (outstanding === 0 && session) rest()
    }
  }

  function silent(): boolean {
    return quietSince !== undefined && clock.monotonic() - quietSince >= SILENCE_BORNE
  }

  function rest(): void {
    timer.cancel()
    if (!closed) timer = clock.after(IDLE, () => end(new ExchangeError('network', 'idle')))
  }

  function end(error: ExchangeError): void {
    if (closed) return
    closed = true
    timer.cancel()
    abort.abort()
    session?.destroy(error)
    onClosed()
  }

  return {
    ask,
    fit: () => !closed && outstanding < MAX_OUTSTANDING && !silent(),
    close: reason => end(new ExchangeError('network', reason)),
    get opened() {
      return session !== undefined
    },
    get worked() {
      return worked
    },
  }
}

function untilCancelled<T>(promise: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const task = cancellation.onCancel(() => reject(new ExchangeError('timeout', 'no answer')))
    promise
      .then(resolve, error => reject(error instanceof ExchangeError ? error : socketFailure(error)))
      .finally(() => cancellation.off(task))
  })
}

/** RFC 8484 §4.1: the message as the body of a POST; nothing of it shows in a URL or a log. */
function post(
  session: ClientHttp2Session,
  at: ServerAddress,
  wire: Uint8Array,
  cancellation: Cancellation,
): Promise<{ body: Uint8Array; age: number }> {
  return new Promise((resolve, reject) => {
    if (session.destroyed) return reject(new ExchangeError('network', 'the server closed the connection'))
    const request = session.request({
      ':method': 'POST',
      ':path': at.path ?? '/dns-query',
      ':authority': authorityOf(at),
      'content-type': MEDIA_TYPE,
      accept: MEDIA_TYPE,
      'content-length': wire.length,
    })
    const task = cancellation.onCancel(() => {
      request.close(constants.NGHTTP2_CANCEL)
      reject(new ExchangeError('timeout', 'no answer'))
    })
    request.on('error', error => reject(error instanceof ExchangeError ? error : socketFailure(error)))
    request.on('close', () => {
      cancellation.off(task)
      reject(new ExchangeError('network', 'the server ended the request'))
    })
    collect(request, resolve, reject)
    request.end(wire)
  })
}

function collect(
  request: ClientHttp2Stream,
  resolve: (response: { body: Uint8Array; age: number }) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = []
  let length = 0
  let age = 0
  const refuse = (reason: string) => {
    request.close(constants.NGHTTP2_CANCEL)
    reject(new ExchangeError('invalid', reason))
  }
  request.on('response', headers => {
    age = Math.max(0, Number.parseInt(headers['age'] ?? '0', 10) || 0)
    // RFC 8484 §4.2.1: only a successful response carries a DNS answer, whatever its RCODE.
    if (headers[':status'] !== 200) refuse(`HTTP status ${headers[':status']}`)
    else if (headers['content-type'] !== MEDIA_TYPE) refuse('not a DNS message')
  })
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_BODY) refuse('longer than a DNS message can be')
    else chunks.push(chunk)
  })
  request.on('end', () => resolve({ body: new Uint8Array(Buffer.concat(chunks)), age }))
}

/** RFC 8484 §5.1: what an HTTP cache held back is taken off the TTLs. */
function olderBy(message: Message, age: number): Message {
  if (age === 0) return message
  const older = (records: ResourceRecord[]) =>
    records.map(record => ({ ...record, ttl: Math.max(0, record.ttl - age) }))
  return { ...message, answer: older(message.answer), authority: older(message.authority) }
}

function authorityOf({ hostname, address, port }: ServerAddress): string {
  const host = hostname ?? (isIPv6(address) ? `[${address}]` : address)
  return port === 443 ? host : `${host}:${port}`
}
