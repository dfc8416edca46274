import { parseName } from '../../dns/name.ts'
import { BindKeyError, readBindKeys } from '../../zones/keys/bind.ts'
import type { FuzzTarget } from './target.ts'

const ORIGIN = parseName('example.')
/** Between the two files of a key. */
const BETWEEN = '\n----\n'
const WORDS =
  'Private-key-format: v1.3|Algorithm: 13|Algorithm: 8|PrivateKey: |Modulus: |Prime1: |Coefficient: |example. IN DNSKEY |257 3 13 |256 3 8 |\n----\n|AAAA|=|;|(|\n|$INCLUDE x|$GENERATE 1-2 x|é'

/** The reader of BIND's key files: only its own error is thrown, which never tells anything of the private key. */
export const bindKey: FuzzTarget = {
  extension: 'key',
  words: WORDS.split('|').map(word => new Uint8Array(Buffer.from(word))),
  check: input => {
    const [key = '', secret = ''] = Buffer.from(input).toString('utf8').split(BETWEEN)
    const files = [
      { name: 'K.key', text: key },
      { name: 'K.private', text: secret },
    ]
    try {
      readBindKeys(files, ORIGIN, 0)
    } catch (error) {
      if (!(error instanceof BindKeyError)) throw error
      for (const [value] of Buffer.from(input)
        .toString('utf8')
        .matchAll(/[A-Za-z0-9+/=]{20,}/g))
        if (error.message.includes(value)) throw new Error('a message tells the private key')
    }
  },
}
