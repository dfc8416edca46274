import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { tlsAlpn01 } from '../../../ca/challenges/tls-alpn01.ts'
import { tlv } from '../../../ca/x509/der.ts'
import { systemNetwork } from '../../../host/system-network.ts'
import { certificateFor, type Mark } from './certificate.ts'
import { ACCOUNT, createNetwork } from './network.ts'

const keyAuthorization = 'token.thumbprint'
const RIGHT: Mark = { keyAuthorization }

/** Tries the challenge for `value` against a server with this certificate. */
async function attempt(t: Test, value: string, hosts: string[], mark?: Mark, alpn = ['acme-tls/1']) {
  const { key, certificate } = await certificateFor(hosts, mark)
  let named: string | false = false
  const SNICallback = (name: string, done: (error: null) => void) => {
    named = name
    done(null)
  }
  const server = createServer({ key, cert: certificate, ALPNProtocols: alpn, SNICallback })
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  const network = createNetwork({
    connect: (_host, _port, options = {}) => systemNetwork.connect({ address: '127.0.0.1', port }, options),
  })
  const type = /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const)
  const subject = { identifier: { type, value }, wildcard: false }
  const tried = tlsAlpn01.validate(
    { subject, token: 'token', keyAuthorization, accountUrl: ACCOUNT, thumbprints: [] },
    network,
  )
  await tried.catch(() => {})
  return { tried, named: () => named }
}

t.test('a certificate with the digest under its protocol is enough (RFC 8737 §3)', async t => {
  const { tried, named } = await attempt(t, 'www.example.test', ['www.example.test'], RIGHT)
  await tried
  t.equal(named(), 'www.example.test')
})

t.test('an address is asked for by its name in the reverse tree (RFC 8738 §6)', async t => {
  const four = await attempt(t, '192.0.2.1', ['192.0.2.1'], RIGHT)
  await four.tried
  t.equal(four.named(), '1.2.0.192.in-addr.arpa')
  const six = await attempt(t, '2001:db8::1', ['2001:db8::1'], RIGHT)
  await six.tried
  t.equal(six.named(), '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})

t.test('what does not prove control is refused (RFC 8737 §3, §5)', async t => {
  const host = 'www.example.test'
  const digest = Buffer.alloc(32)
  const rows: [string, string[], Mark | undefined, RegExp][] = [
    ['another name', ['other.example.test'], RIGHT, /not for this identifier alone/],
    ['another name beside it', [host, 'other.example.test'], RIGHT, /not for this identifier alone/],
    ['no name', [], RIGHT, /not for this identifier alone/],
    ['an address', ['192.0.2.1'], RIGHT, /not for this identifier alone/],
    ['no acmeIdentifier', [host], undefined, /without a critical acmeIdentifier/],
    ['one that is not critical', [host], { ...RIGHT, critical: false }, /without a critical acmeIdentifier/],
    ['two of them', [host], { ...RIGHT, twice: true }, /without a critical acmeIdentifier/],
    ['another digest', [host], { keyAuthorization: 'token.other' }, /not the expected digest/],
    ['a digest without its OCTET STRING', [host], { ...RIGHT, value: digest }, /not the expected digest/],
    ['a longer digest', [host], { ...RIGHT, value: tlv(4, Buffer.alloc(33)) }, /not the expected digest/],
  ]
  for (const [name, hosts, mark, fault] of rows)
    await t.rejects(
      (await attempt(t, host, hosts, mark)).tried,
      { type: 'incorrectResponse', message: fault } as unknown as Error,
      name,
    )
})

t.test('a server that does not speak the protocol proves nothing (RFC 8737 §4)', async t => {
  const host = 'www.example.test'
  await t.rejects((await attempt(t, host, [host], RIGHT, ['h2'])).tried)
  await t.rejects((await attempt(t, host, [host], RIGHT, [])).tried, {
    message: /does not speak acme-tls\/1/,
  } as unknown as Error)
})

t.test('it proves names and addresses, no wildcards', async t => {
  t.ok(tlsAlpn01.appliesTo({ identifier: { type: 'ip', value: '192.0.2.1' }, wildcard: false }))
  t.notOk(tlsAlpn01.appliesTo({ identifier: { type: 'dns', value: 'example.test' }, wildcard: true }))
})
