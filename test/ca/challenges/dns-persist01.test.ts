import t from 'tap'
import { hashedAccountUris } from '../../../ca/challenges/account-hash.ts'
import { dnsPersist01, issuerDomainNames } from '../../../ca/challenges/dns-persist01.ts'
import { ACCOUNT, createNetwork, PREFIX, textsOnlyAt } from './network.ts'

const OWN = '_validation-persist.www.example.org'
const account = { accountUrl: ACCOUNT, thumbprints: ['current', 'former'] }
const [HASHED, ANYWHERE, FORMER] = hashedAccountUris(PREFIX, account, 'www.example.org')
const [ELSEWHERE] = hashedAccountUris(PREFIX, account, 'example.org')
const [STRANGER] = hashedAccountUris(PREFIX, { ...account, thumbprints: ['other'] }, 'www.example.org')

/** What is wrong with a record: its problem, and words of its detail. */
type Fault = [type: string, message: RegExp]
const malformed = (message: RegExp): Fault => ['malformed', message]
const unauthorized = (message: RegExp): Fault => ['unauthorized', message]

/** Texts at the name, whether a wildcard is asked for, and what goes wrong. */
const ROWS: [string, string[], boolean, Fault | undefined][] = [
  ['the CA and the account', [`ca.test; accounturi=${ACCOUNT}`], false, undefined],
  ['the same without spaces', [`ca.test;accounturi=${ACCOUNT}`], false, undefined],
  ['the CA in other letters', [`CA.Test; accounturi=${ACCOUNT}`], false, undefined],
  ['beside other CAs', ['other.test; accounturi=x', `ca.test; accounturi=${ACCOUNT}`], false, undefined],
  ['with a parameter that nobody knows', [`ca.test; accounturi=${ACCOUNT}; new=1`], false, undefined],
  ['until later', [`ca.test; accounturi=${ACCOUNT}; persistUntil=1001`], false, undefined],
  ['until this very second', [`ca.test; accounturi=${ACCOUNT}; persistUntil=1000`], false, undefined],
  ['until a moment ago', [`ca.test; accounturi=${ACCOUNT}; persistUntil=999`], false, unauthorized(/persistUntil/)],
  ['until no number', [`ca.test; accounturi=${ACCOUNT}; persistUntil=1e9`], false, malformed(/persistUntil/)],
  ['until before 1970', [`ca.test; accounturi=${ACCOUNT}; persistUntil=-1`], false, malformed(/persistUntil/)],
  ['until the end of time', [`ca.test; accounturi=${ACCOUNT}; persistUntil=${'9'.repeat(40)}`], false, undefined],
  ['a wildcard by its policy', [`ca.test; accounturi=${ACCOUNT}; policy=wildcard`], true, undefined],
  ['a wildcard by its policy in other letters', [`ca.test; accounturi=${ACCOUNT}; Policy=WildCard`], true, undefined],
  ['a wildcard without the policy', [`ca.test; accounturi=${ACCOUNT}`], true, unauthorized(/policy=wildcard/)],
  [
    'a wildcard with another policy',
    [`ca.test; accounturi=${ACCOUNT}; policy=all`],
    true,
    unauthorized(/policy=wildcard/),
  ],
  ['a name with another policy', [`ca.test; accounturi=${ACCOUNT}; policy=all`], false, undefined],
  ['another CA', [`other.test; accounturi=${ACCOUNT}`], false, unauthorized(/names ca\.test/)],
  ['another account', ['ca.test; accounturi=https://ca.test/acme/acme/account/2'], false, unauthorized(/this account/)],
  ['no account', ['ca.test'], false, malformed(/accounturi/)],
  ['two accounts', [`ca.test; accounturi=${ACCOUNT}; accounturi=x`], false, malformed(/each parameter once/)],
  ['two policies', [`ca.test; accounturi=${ACCOUNT}; policy=a; policy=b`], false, malformed(/each parameter once/)],
  ['the account hashed (§4.1)', [`ca.test; accounturi=${HASHED}`], false, undefined],
  ['the account hashed for any domain', [`ca.test; accounturi=${ANYWHERE}`], false, undefined],
  ['the account hashed with a key that it had (§4.2)', [`ca.test; accounturi=${FORMER}`], false, undefined],
  ['the account hashed for another domain', [`ca.test; accounturi=${ELSEWHERE}`], false, unauthorized(/this account/)],
  ['another key hashed', [`ca.test; accounturi=${STRANGER}`], false, unauthorized(/this account/)],
  ['hashed in other letters', [`ca.test; accounturi=${HASHED!.toUpperCase()}`], false, unauthorized(/this account/)],
  ['another hash', [`ca.test; accounturi=${PREFIX}sha-512/${'a'.repeat(86)}`], false, malformed(/sha-256/)],
  ['a hash cut short', [`ca.test; accounturi=${HASHED!.slice(0, -1)}`], false, malformed(/sha-256/)],
  ['a bad one of ours before a good one', ['ca.test', `ca.test; accounturi=${HASHED}`], false, undefined],
  ['no grammar', [`ca.test; accounturi ${ACCOUNT}`], false, unauthorized(/names ca\.test/)],
  ['nothing', [], false, ['dns', /no TXT record/]],
]

for (const [name, texts, wildcard, fault] of ROWS)
  t.test(`dns-persist-01: ${name} (draft-ietf-acme-dns-persist)`, async t => {
    const network = createNetwork({ lookup: textsOnlyAt(OWN, ...texts) })
    const subject = { identifier: { type: 'dns', value: 'www.example.org' }, wildcard } as const
    const tried = dnsPersist01.validate({ subject, token: 't', keyAuthorization: 't.k', ...account }, network)
    if (fault) await t.rejects(tried, { type: fault[0], message: fault[1] } as unknown as Error)
    else t.equal((await tried).records?.length, 1)
  })

t.test('its challenge object has no token, but what the record must say', async t => {
  t.strictSame(dnsPersist01.members!({ accountUrl: ACCOUNT, identities: ['CA.test'] }), {
    issuerDomainNames: ['ca.test'],
    accounturi: ACCOUNT,
    'issuer-domain-names': ['ca.test'],
  })
  const many = Array.from({ length: 12 }, (_, i) => `CA${i}.test.`)
  t.strictSame(
    issuerDomainNames(many),
    Array.from({ length: 10 }, (_, i) => `ca${i}.test`),
  )
})

t.test('a record that ends proves nothing after its end (draft-ietf-acme-dns-persist-02 §4.1)', async t => {
  const network = createNetwork({ lookup: textsOnlyAt(OWN, `ca.test; accounturi=${HASHED}; persistUntil=1001`) })
  const subject = { identifier: { type: 'dns', value: 'www.example.org' }, wildcard: false } as const
  const proof = await dnsPersist01.validate({ subject, token: 't', keyAuthorization: 't.k', ...account }, network)
  t.equal(proof.until, 1_001_000)
})
