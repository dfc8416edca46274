import { createHash } from 'node:crypto'
import t from 'tap'
import { accountLabel, dnsAccount01 } from '../../../ca/challenges/dns-account01.ts'
import { ACCOUNT, createNetwork, textsOnlyAt } from './network.ts'

const keyAuthorization = 'token.thumbprint'
const DIGEST = createHash('sha256').update(keyAuthorization).digest('base64url')
const subject = { identifier: { type: 'dns', value: 'www.example.org' }, wildcard: false } as const
const attempt = { subject, token: 'token', keyAuthorization, accountUrl: ACCOUNT, thumbprints: [] }

t.test('the label is of the account URL (draft-ietf-acme-dns-account-label)', async t => {
  // The example of the draft.
  t.equal(accountLabel('https://example.com/acme/acct/ExampleAccount'), '_ujmmovf2vn55tgye')
})

t.test('dns-account-01 looks below the label of the account, and nowhere else', async t => {
  const own = `${accountLabel(ACCOUNT)}._acme-challenge.www.example.org`
  const right = createNetwork({ lookup: textsOnlyAt(own, 'other', DIGEST) })
  t.equal((await dnsAccount01.validate(attempt, right)).records?.length, 1)
  const plain = createNetwork({ lookup: textsOnlyAt('_acme-challenge.www.example.org', DIGEST) })
  await t.rejects(dnsAccount01.validate(attempt, plain), { type: 'dns' } as unknown as Error)
  const other = { ...attempt, accountUrl: `${ACCOUNT}2` }
  await t.rejects(dnsAccount01.validate(other, right), { type: 'dns' } as unknown as Error)
  t.ok(dnsAccount01.appliesTo({ ...subject, wildcard: true }))
  t.notOk(dnsAccount01.appliesTo({ identifier: { type: 'ip', value: '192.0.2.1' }, wildcard: false }))
})
