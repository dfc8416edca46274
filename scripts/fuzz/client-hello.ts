import { type ClientHello, readClientHello } from '../../server/listen/client-hello.ts'
import type { FuzzTarget } from './target.ts'

const WORDS = '16030100|010000|000a|0000000e000c000009|00100005000302|026832|08687474702f312e31|ffff|0000'

/** What a client of TLS says first: nothing is thrown, and what a part of it told is not told otherwise by more. */
export const clientHello: FuzzTarget = {
  extension: 'bin',
  words: WORDS.split('|').map(hex => new Uint8Array(Buffer.from(hex, 'hex'))),
  check(input) {
    const whole = print(readClientHello(input))
    for (let end = 0; end < input.length; end += 1 + (end % 7)) {
      const part = readClientHello(input.subarray(0, end))
      if (part !== undefined && print(part) !== whole) throw new Error('what follows a ClientHello changes it')
    }
  },
}

function print(read: ClientHello | undefined | null): string {
  return JSON.stringify(read ?? String(read))
}
