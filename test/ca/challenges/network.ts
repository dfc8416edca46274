import type { ChallengeNetwork } from '../../../ca/challenges/challenge.ts'
import { Class, Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'

/** A network in which nothing may be asked or reached, but for what a test replaces. */
export function createNetwork(more: Partial<ChallengeNetwork> = {}): ChallengeNetwork {
  return {
    lookup: () => Promise.reject(new Error('not asked')),
    connect: () => Promise.reject(new Error('not connected to')),
    ports: { 'http-01': 80, 'tls-alpn-01': 443 },
    identities: ['ca.test'],
    accountHashPrefix: PREFIX,
    now: () => 1_000_000,
    ...more,
  }
}

/** A look-up that finds these texts at one name, and nothing elsewhere. */
export function textsOnlyAt(name: string, ...texts: string[]): ChallengeNetwork['lookup'] {
  const owner = parseName(name)
  return async (asked, type) => {
    if (type !== Type.TXT || !Buffer.from(asked).equals(owner)) return { rcode: Rcode.NXDOMAIN, answer: [] }
    const answer = texts.map(text => ({
      owner,
      type,
      class: Class.IN,
      ttl: 0,
      rdata: parseRdataText(type, `"${text}"`),
    }))
    return { rcode: Rcode.NOERROR, answer }
  }
}

export const ACCOUNT = 'https://ca.test/acme/acme/account/1'
export const PREFIX = 'https://ca.test/acme/acme/account-hash/'
