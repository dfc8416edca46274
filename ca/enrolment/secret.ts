import { createHash, timingSafeEqual } from 'node:crypto'
import { printBase32 } from '../../dns/text.ts'
import type { Random } from '../../host/random.ts'

/** What lets its holder enrol: 32 letters and digits, of which the first eight name its row and the others can't be guessed (120 bits). */
export interface EnrolmentSecret {
  id: string
  text: string
  /** SHA-256 of the text in hex: all that is kept. Of a secret this long no slower digest is needed. */
  digest: string
}

const OCTETS = 20
const ID_DIGITS = 8
const FORM = /^[a-z2-7]{32}$/

/** A new secret. */
export function makeSecret(random: Random): EnrolmentSecret {
  return secretOf(printBase32(random.bytes(OCTETS)))
}

/** A secret as a client sends it; undefined for what can't be one. */
export function readSecret(text: string): EnrolmentSecret | undefined {
  return FORM.test(text) ? secretOf(text) : undefined
}

/** Whether two digests in hex are one, in a time that does not tell how nearly they are. */
export function sameDigest(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')]
  return one.length === other.length && timingSafeEqual(one, other)
}

function secretOf(text: string): EnrolmentSecret {
  return { id: text.slice(0, ID_DIGITS), text, digest: createHash('sha256').update(text).digest('hex') }
}
