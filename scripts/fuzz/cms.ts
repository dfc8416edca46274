import { generateKeyPairSync } from 'node:crypto'
import { CmsError, readEnveloped, readSigned } from '../../ca/cms/read.ts'
import { issuerAndSerial, readRequest } from '../../ca/scep/message.ts'
import { DerError } from '../../ca/x509/der.ts'
import type { FuzzTarget } from './target.ts'

/** Object identifiers of contents, attributes and algorithms (RFC 5652, RFC 8894), and the beginnings of elements in DER and BER. */
const WORDS = [
  '06092a864886f70d010701',
  '06092a864886f70d010702',
  '06092a864886f70d010703',
  '06092a864886f70d010903',
  '06092a864886f70d010904',
  '060a6086480186f845010902',
  '060a6086480186f845010907',
  '0609608648016503040201',
  '060960864801650304012a',
  '3080',
  'a080',
  '2480',
  '0000',
  '0282',
  '3100',
]

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** The readers of what SCEP clients send: whatever they are given, only their own error is thrown, and nothing is opened by a key that it is not for. */
export const cms: FuzzTarget = {
  extension: 'p7',
  words: WORDS.map(word => new Uint8Array(Buffer.from(word, 'hex'))),
  check(input) {
    const content = refusable(() => {
      const signed = readSigned(input)
      refusable(() => signed.verify(true))
      refusable(() => issuerAndSerial(signed.signer.id))
      return signed.content
    })
    refusable(() => readRequest(input))
    const opened = refusable(() => readEnveloped(content ?? input, true).open(privateKey))
    // One time in many, rubbish ends as padding does: it must not be what was sealed for another.
    if (opened && Buffer.from(opened).includes('sealed')) throw new Error('it was opened by another key')
  },
}

function refusable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof CmsError || error instanceof DerError) return undefined
    throw error
  }
}
