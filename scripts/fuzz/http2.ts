import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { systemClock } from '../../host/clock.ts'
import type { RequestHandler } from '../../server/listen/client.ts'
import { HTTPS_LIMITS } from '../../server/listen/connections.ts'
import { EndOfTurn } from '../../server/listen/end-of-turn.ts'
import { DohConnection } from '../../server/listen/http2/doh-connection.ts'
import { MOST_FIELDS } from '../../server/listen/http2/frames.ts'
import { recognise } from '../../server/listen/http2/recognise.ts'
import { RequestHead } from '../../server/listen/http2/request-head.ts'
import { WriteBatch } from '../../server/listen/write-batch.ts'
import type { FuzzTarget } from './target.ts'

const WORDS =
  '505249202a20485454502f322e300d0a0d0a534d0d0a0d0a|000000040000000000|000006040000000000000400000000|000000010400000001|000000010500000001|000005000100000001|00000803|000004080000000000|82|87|84|0f|7f|3fe11f|00000509'
const shared = { head: new RequestHead(), scratch: new Uint8Array(MOST_FIELDS), batch: new WriteBatch() }

/** A connection of HTTP/2, whatever is sent on it: nothing is thrown, and cut in other pieces it is answered the same. */
export const http2: FuzzTarget = {
  extension: 'bin',
  words: WORDS.split('|').map(hex => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))),
  check(input) {
    recognise(input, shared.head, shared.scratch)
    const whole = answers([input])
    const pieces: Uint8Array[] = []
    for (let at = 0, size = 1; at < input.length; at += size, size = 1 + ((size * 7) % 31))
      pieces.push(input.slice(at, at + size))
    if (!whole.equals(answers(pieces))) throw new Error('octets in pieces are answered in another way')
  },
}

const echo: RequestHandler = (request, at, end, _client, out, outAt) => {
  out.fill(0, outAt, outAt + 12)
  out.set(request.subarray(at, end), outAt + 12)
  return 12 + end - at
}

/** All that a connection writes, for what comes in these pieces. */
function answers(pieces: readonly Uint8Array[]): Buffer {
  const socket = new RecordedSocket()
  const options = {
    handler: echo,
    beforeBatch() {},
    endOfTurn: new EndOfTurn(),
    clock: systemClock,
    limits: HTTPS_LIMITS,
    onError() {},
  }
  const peer = { address: new Uint8Array(4), port: 1, destination: new Uint8Array(4), destinationPort: 2 }
  const connection = new DohConnection(socket as unknown as Socket, peer, { ...shared, options, touch() {} }, undefined)
  // Of octets that are none there are no pieces; the server speaks all the same.
  connection.take(new Uint8Array())
  for (const piece of pieces) connection.take(piece)
  return Buffer.concat(socket.written)
}

/** As much of a socket as a connection uses; its client reads everything at once. */
class RecordedSocket extends EventEmitter {
  readonly writableLength = 0
  readonly written: Buffer[] = []
  private ended = false

  write(octets: Buffer): boolean {
    if (!this.ended) this.written.push(octets)
    return true
  }

  end(): void {
    this.ended = true
  }

  destroySoon(): void {
    this.ended = true
  }

  destroy(): void {
    this.ended = true
  }

  pause(): void {}

  resume(): void {}
}
