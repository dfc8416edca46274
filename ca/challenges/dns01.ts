import { createHash } from 'node:crypto'
import { AcmeError } from '../problems.ts'
import type { Attempt, Challenge, ChallengeNetwork, Proof } from './challenge.ts'
import { textsAt } from './texts.ts'

/** DNS challenge (RFC 8555 §8.4): a TXT record of the key authorization's digest at _acme-challenge below the name. */
export const dns01: Challenge = {
  type: 'dns-01',
  appliesTo: ({ identifier }) => identifier.type === 'dns',
  validate: (attempt, network) => findDigest(`_acme-challenge.${attempt.subject.identifier.value}`, attempt, network),
}

/** Looks for the key authorization's digest among the TXT records of a name: one right one is enough. */
export async function findDigest(
  name: string,
  { keyAuthorization }: Attempt,
  { lookup }: ChallengeNetwork,
): Promise<Proof> {
  const { where, texts } = await textsAt(lookup, name)
  const expected = createHash('sha256').update(keyAuthorization).digest('base64url')
  const found = texts.find(({ text }) => text === expected)
  if (found) return { records: [found.record] }
  throw new AcmeError('incorrectResponse', `none of the ${texts.length} TXT records at ${where} is the expected digest`)
}
