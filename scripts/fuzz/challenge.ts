import type { Attempt, ChallengeNetwork } from '../../ca/challenges/challenge.ts'
import { dnsPersist01 } from '../../ca/challenges/dns-persist01.ts'
import { tlsAlpn01 } from '../../ca/challenges/tls-alpn01.ts'
import { AcmeError } from '../../ca/problems.ts'
import { Class, Rcode } from '../../dns/codes.ts'
import type { FuzzTarget } from './target.ts'

const ACCOUNT = 'https://ca.test/acme/acme/account/1'
const attempt: Attempt = {
  subject: { identifier: { type: 'dns', value: 'www.example.test' }, wildcard: true },
  token: 'token',
  keyAuthorization: 'token.thumbprint',
  accountUrl: ACCOUNT,
  thumbprints: ['thumbprint'],
}

/** What hosts and zones of strangers answer to a challenge: only AcmeError may be thrown, and what proves control says so in full. */
export const challenge: FuzzTarget = {
  extension: 'bin',
  words: ['ca.test', `accounturi=${ACCOUNT}`, 'policy=wildcard', 'persistUntil=', ';', '=', '\u00ff'].map(
    word => new Uint8Array(Buffer.from(word, 'latin1')),
  ),
  async check(input) {
    const network = networkOf(input)
    if (await proves(() => dnsPersist01.validate(attempt, network))) {
      const text = Buffer.from(input).toString('latin1').toLowerCase()
      if (!text.includes(ACCOUNT) || !text.includes('wildcard')) throw new Error('a record proved what it does not say')
    }
    if (await proves(() => tlsAlpn01.validate(attempt, network)))
      throw new Error('a certificate proved control by chance')
  },
}

async function proves(trial: () => Promise<unknown>): Promise<boolean> {
  try {
    await trial()
    return true
  } catch (error) {
    if (error instanceof AcmeError) return false
    throw error
  }
}

/** A network in which the input is the TXT record and the certificate. */
function networkOf(input: Uint8Array): ChallengeNetwork {
  return {
    lookup: async (owner, type) => ({
      rcode: Rcode.NOERROR,
      answer: [{ owner, type, class: Class.IN, ttl: 0, rdata: stringsOf(input) }],
    }),
    connect: async () => ({ alpn: 'acme-tls/1', peerCertificate: input, write() {}, close() {}, chunks: none() }),
    ports: { 'http-01': 80, 'tls-alpn-01': 443 },
    identities: ['ca.test'],
    accountHashPrefix: 'https://ca.test/acme/acme/account-hash/',
    now: () => 1_000_000,
  }
}

/** As character strings (RFC 1035 §3.3.14). */
function stringsOf(input: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < input.length; at += 255) {
    const part = input.subarray(at, at + 255)
    parts.push(Uint8Array.of(part.length), part)
  }
  return Buffer.concat(parts)
}

async function* none(): AsyncGenerator<Uint8Array> {}
