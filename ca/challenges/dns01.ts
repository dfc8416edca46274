import { createHash } from 'node:crypto'
import { Rcode, rcodeName } from '../../dns/codes.ts'
import { parseName, printName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import { AcmeError } from '../problems.ts'
import type { Attempt, Challenge, ChallengeNetwork } from './challenge.ts'

/** DNS challenge (RFC 8555 §8.4): a TXT record of the key authorization's digest at _acme-challenge below the name. */
export const dns01: Challenge = {
  type: 'dns-01',
  appliesTo: ({ identifier }) => identifier.type === 'dns',
  validate,
}

async function validate({ subject, keyAuthorization }: Attempt, { lookup }: ChallengeNetwork): Promise<void> {
  const name = parseName(`_acme-challenge.${subject.identifier.value}`)
  const where = printName(name)
  const { rcode, answer } = await lookup(name, Type.TXT)
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN)
    throw new AcmeError('dns', `the TXT lookup of ${where} failed with ${rcodeName(rcode)}`)
  // RFC 8555 §8.4: CNAMEs are followed; the lookup has done it, so every TXT of the answer counts, and one right one is enough.
  const texts = answer.filter(record => record.type === Type.TXT).map(record => textOf(record.rdata))
  const expected = createHash('sha256').update(keyAuthorization).digest('base64url')
  if (texts.includes(expected)) return
  if (texts.length === 0) throw new AcmeError('dns', `there is no TXT record at ${where}`)
  throw new AcmeError('incorrectResponse', `none of the ${texts.length} TXT records at ${where} is the expected digest`)
}

/** The character strings of a TXT record (RFC 1035 §3.3.14) put together. */
function textOf(rdata: Uint8Array): string {
  let text = ''
  for (let at = 0; at < rdata.length; at += rdata[at]! + 1)
    text += Buffer.from(rdata.subarray(at + 1, at + 1 + rdata[at]!)).toString('latin1')
  return text
}
