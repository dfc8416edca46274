import { createHash } from 'node:crypto'
import t from 'tap'
import type { ChallengeNetwork } from '../../../ca/challenges/challenge.ts'
import { dns01 } from '../../../ca/challenges/dns01.ts'
import { http01 } from '../../../ca/challenges/http01.ts'
import { challengesFor } from '../../../ca/challenges/table.ts'
import { Class, Rcode } from '../../../dns/codes.ts'
import { type Name, parseName, printName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'

const subject = { identifier: { type: 'dns', value: 'www.example.test' }, wildcard: false } as const
const keyAuthorization = 'token.thumbprint'
const DIGEST = createHash('sha256').update(keyAuthorization).digest('base64url')

function record(owner: string, type: number, text: string): ResourceRecord {
  return { owner: parseName(owner), type, class: Class.IN, ttl: 0, rdata: parseRdataText(type, text, parseName('.')) }
}

const OWN = '_acme-challenge.www.example.test'
const txt = (...texts: string[]) => texts.map(text => record(OWN, Type.TXT, text))
const chain = [record(OWN, Type.CNAME, 'x.acme.test.'), record('x.acme.test', Type.TXT, `"${DIGEST}"`)]

const ROWS: [string, number, ResourceRecord[], string | undefined][] = [
  ['the digest', Rcode.NOERROR, txt(`"${DIGEST}"`), undefined],
  ['the digest among others (RFC 8555 §8.4)', Rcode.NOERROR, txt('"a"', `"${DIGEST}"`, '"b"'), undefined],
  [
    'the digest in two strings (RFC 1035 §3.3.14)',
    Rcode.NOERROR,
    txt(`"${DIGEST.slice(0, 9)}" "${DIGEST.slice(9)}"`),
    undefined,
  ],
  ['the digest at the end of a CNAME chain', Rcode.NOERROR, chain, undefined],
  ['the key authorization itself', Rcode.NOERROR, txt(`"${keyAuthorization}"`), 'incorrectResponse'],
  ['the digest with padding', Rcode.NOERROR, txt(`"${DIGEST}="`), 'incorrectResponse'],
  ['the digest in other letters', Rcode.NOERROR, txt(`"${DIGEST.toLowerCase()}"`), 'incorrectResponse'],
  ['an empty string', Rcode.NOERROR, txt('""'), 'incorrectResponse'],
  ['a CNAME that leads nowhere', Rcode.NXDOMAIN, chain.slice(0, 1), 'dns'],
  ['no record', Rcode.NOERROR, [], 'dns'],
  ['no name', Rcode.NXDOMAIN, [], 'dns'],
  ['SERVFAIL, whatever comes with it', Rcode.SERVFAIL, txt(`"${DIGEST}"`), 'dns'],
  ['REFUSED', Rcode.REFUSED, [], 'dns'],
]

const NETWORK: ChallengeNetwork = {
  lookup: () => Promise.reject(new Error('not asked')),
  connect: () => Promise.reject(new Error('not connected to')),
  ports: { 'http-01': 80, 'tls-alpn-01': 443 },
  accountHashPrefix: 'https://ca.test/account-hash/',
  identities: ['ca.test'],
  now: () => 0,
}

for (const [name, rcode, answer, problem] of ROWS)
  t.test(`dns-01: ${name}`, async t => {
    const asked: string[] = []
    const lookup = async (owner: Name, type: number) => {
      asked.push(`${printName(owner)} ${type}`)
      return { rcode, answer }
    }
    const tried = dns01.validate(
      { subject, token: 'token', keyAuthorization, accountUrl: 'https://ca.test/account/1', thumbprints: [] },
      { ...NETWORK, lookup },
    )
    if (problem === undefined) t.equal((await tried).records?.length, 1)
    else await t.rejects(tried, { type: problem } as unknown as Error)
    t.strictSame(asked, [`${OWN}. ${Type.TXT}`])
    await tried.catch(error => t.notMatch(error.message, DIGEST, 'what was expected is not told'))
  })

t.test('only what is there and configured is offered', async t => {
  t.strictSame(challengesFor(['http-01', 'dns-01']), [dns01, http01])
  t.strictSame(challengesFor([]), [])
  t.ok(dns01.appliesTo({ ...subject, wildcard: true }))
  t.notOk(dns01.appliesTo({ identifier: { type: 'ip', value: '192.0.2.1' }, wildcard: false }))
})
