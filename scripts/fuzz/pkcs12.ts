import { KeyError } from '../../ca/hierarchy/keystore.ts'
import { openPkcs12 } from '../../ca/hierarchy/pkcs12.ts'
import type { FuzzTarget } from './target.ts'

/** Object identifiers of bags, ciphers and MACs (RFC 7292), as DER has them. */
const WORDS = [
  '060b2a864886f70d010c0a0101',
  '060b2a864886f70d010c0a0102',
  '060b2a864886f70d010c0a0103',
  '06092a864886f70d01050d',
  '060a2a864886f70d010c0103',
  '06092a864886f70d010701',
  '06092a864886f70d010706',
  '0609608648016503040201',
  '3080',
  '0282',
]

/** The reader of PKCS#12 files: whatever it is given, only its own error is thrown. */
export const pkcs12: FuzzTarget = {
  extension: 'p12',
  words: WORDS.map(word => new Uint8Array(Buffer.from(word, 'hex'))),
  check: async input => {
    try {
      await openPkcs12(input, 'x', 'the file')
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
    }
  },
}
