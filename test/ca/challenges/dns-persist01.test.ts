import t from 'tap'
import { dnsPersist01 } from '../../../ca/challenges/dns-persist01.ts'
import { ACCOUNT, createNetwork, textsOnlyAt } from './network.ts'

const OWN = '_validation-persist.www.example.org'
/** Texts at the name, whether a wildcard is asked for, and what goes wrong. */
const ROWS: [string, string[], boolean, RegExp | undefined][] = [
  ['the CA and the account', [`ca.test; accounturi=${ACCOUNT}`], false, undefined],
  ['the same without spaces', [`ca.test;accounturi=${ACCOUNT}`], false, undefined],
  ['the CA in other letters', [`CA.Test; accounturi=${ACCOUNT}`], false, undefined],
  ['beside other CAs', ['other.test; accounturi=x', `ca.test; accounturi=${ACCOUNT}`], false, undefined],
  ['with a parameter that nobody knows', [`ca.test; accounturi=${ACCOUNT}; new=1`], false, undefined],
  ['until later', [`ca.test; accounturi=${ACCOUNT}; persistUntil=1001`], false, undefined],
  ['until this very second', [`ca.test; accounturi=${ACCOUNT}; persistUntil=1000`], false, undefined],
  ['until a moment ago', [`ca.test; accounturi=${ACCOUNT}; persistUntil=999`], false, /persistUntil/],
  ['until no number', [`ca.test; accounturi=${ACCOUNT}; persistUntil=1e9`], false, /persistUntil/],
  ['a wildcard by its policy', [`ca.test; accounturi=${ACCOUNT}; policy=wildcard`], true, undefined],
  ['a wildcard by its policy in other letters', [`ca.test; accounturi=${ACCOUNT}; Policy=WildCard`], true, undefined],
  ['a wildcard without the policy', [`ca.test; accounturi=${ACCOUNT}`], true, /policy=wildcard/],
  ['a wildcard with another policy', [`ca.test; accounturi=${ACCOUNT}; policy=all`], true, /policy=wildcard/],
  ['a name with another policy', [`ca.test; accounturi=${ACCOUNT}; policy=all`], false, undefined],
  ['another CA', [`other.test; accounturi=${ACCOUNT}`], false, /names ca\.test/],
  ['another account', ['ca.test; accounturi=https://ca.test/acme/acme/account/2'], false, /this account/],
  ['no account', ['ca.test'], false, /this account/],
  ['two accounts', [`ca.test; accounturi=${ACCOUNT}; accounturi=x`], false, /each parameter once/],
  ['no grammar', [`ca.test; accounturi ${ACCOUNT}`], false, /names ca\.test/],
  ['nothing', [], false, /no TXT record/],
]

for (const [name, texts, wildcard, fault] of ROWS)
  t.test(`dns-persist-01: ${name} (draft-ietf-acme-dns-persist)`, async t => {
    const network = createNetwork({ lookup: textsOnlyAt(OWN, ...texts) })
    const subject = { identifier: { type: 'dns', value: 'www.example.org' }, wildcard } as const
    const tried = dnsPersist01.validate({ subject, token: 't', keyAuthorization: 't.k', accountUrl: ACCOUNT }, network)
    if (fault) await t.rejects(tried, { message: fault } as unknown as Error)
    else t.equal((await tried).records?.length, 1)
  })

t.test('its challenge object has no token, but what the record must say', async t => {
  t.strictSame(dnsPersist01.members!({ accountUrl: ACCOUNT, identities: ['CA.test'] }), {
    accounturi: ACCOUNT,
    'issuer-domain-names': ['ca.test'],
  })
})
