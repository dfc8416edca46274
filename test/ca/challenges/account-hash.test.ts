import t from 'tap'
import { hashedAccountUris, isHashedAccountUri } from '../../../ca/challenges/account-hash.ts'

// draft-ietf-acme-dns-persist-02 §10.2; the thumbprint is that of RFC 7638 §3.1.
const PREFIX = 'https://ca.example/account-hash/'
const account = {
  accountUrl: 'https://ca.example/acct/123',
  thumbprints: ['NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'],
}

t.test('the hashed URIs of an account (draft-ietf-acme-dns-persist-02 §10.2)', async t => {
  const uris = hashedAccountUris(PREFIX, account, 'example.com')
  t.strictSame(uris, [
    `${PREFIX}sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw`,
    `${PREFIX}sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug`,
  ])
  for (const uri of uris) t.ok(isHashedAccountUri(PREFIX, uri))
  const older = hashedAccountUris(PREFIX, { ...account, thumbprints: ['new', ...account.thumbprints] }, 'example.com')
  t.strictSame(older.slice(2), uris, 'by a key that it had before, after those by its own')
})

t.test('what has not the form of one', async t => {
  const [uri] = hashedAccountUris(PREFIX, account, 'example.com')
  for (const text of [
    account.accountUrl,
    PREFIX,
    `${PREFIX}sha-512/${'a'.repeat(86)}`,
    uri!.replace('sha-256', 'SHA-256'),
    uri!.slice(0, -1),
    `${uri}=`,
    `${uri!.slice(0, -1)}+`,
  ])
    t.notOk(isHashedAccountUri(PREFIX, text), text)
})
