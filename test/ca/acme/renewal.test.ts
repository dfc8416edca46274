import t from 'tap'
import { checkReplaced } from '../../../ca/acme/renewal.ts'
import type { CertificateRecord } from '../../../ca/store/certificate-store.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { derBlocks, renewalId } from '../../../ca/x509/x509.ts'
import { at, createAccount, createClient, derOf } from '../client.ts'
import { caConfig, createWorld } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'
const idOf = (chain: string) => renewalId(readCertificate(derBlocks('CERTIFICATE', chain)[0]!))

t.test('renewalInfo suggests a window in the last part of the life (RFC 9773 §4)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { chain } = await client.certificate(['www.example.test'])
  const anybody = await createClient(world)
  t.equal((await anybody.get('https://ca.example.test/acme/directory')).json.renewalInfo, at('renewal-info'))
  const reply = await anybody.get(`${at('renewal-info')}/${idOf(chain)}`)
  t.equal(reply.status, 200, reply.text)
  t.equal(reply.headers['retry-after'], '21600')
  t.strictSame(reply.json, { suggestedWindow: { start: '2026-02-23T23:58:59Z', end: '2026-03-04T23:58:59Z' } })
})

t.test('a revoked certificate is to be renewed at once (RFC 9773 §4.2)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { chain } = await client.certificate(['www.example.test'])
  await client.post(at('revoke-cert'), { certificate: derOf(chain) })
  const reply = await client.get(`${at('renewal-info')}/${idOf(chain)}`)
  t.ok(Date.parse(reply.json.suggestedWindow.end) <= world.clock.now())
  t.ok(reply.json.suggestedWindow.start < reply.json.suggestedWindow.end)
})

t.test('renewalInfo of what is no certificate of ours', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const [keyId, serial] = idOf((await client.certificate(['www.example.test'])).chain).split('.')
  const rows: [string, string, number][] = [
    ['no CertID', 'x', 400],
    ['padded', `${keyId}=.${serial}`, 400],
    ['another serial', `${keyId}.AQID`, 404],
    ['another issuer', `AQID.${serial}`, 404],
    ['a very long serial', `${keyId}.${'A'.repeat(60)}`, 400],
    ['a serial with a zero octet too many', `${keyId}.${withZero(serial!)}`, 400],
    ['other bits after the end', otherSpelling(`${keyId}.${serial}`), 400],
  ]
  for (const [name, id, status] of rows) t.equal((await client.get(`${at('renewal-info')}/${id}`)).status, status, name)
})

const withZero = (part: string) =>
  Buffer.concat([new Uint8Array(1), Buffer.from(part, 'base64url')]).toString('base64url')

/** A text that base64url decoders take for the same octets: the bits after a last octet are another's. */
function otherSpelling(id: string): string {
  const [keyId, serial] = id.split('.') as [string, string]
  // 20 octets are 27 characters, of which the last has two bits to spare.
  const last = String.fromCharCode(keyId.charCodeAt(keyId.length - 1) + 1)
  return `${keyId.slice(0, -1)}${last}.${serial}`
}

t.test('who holds a certificate for hours asks again before its window is over (RFC 9773 §4.3.2)', async t => {
  const config = caConfig().profiles.map(one => (one.name === 'short' ? { ...one, validity: 3_600_000 } : one))
  const world = await createWorld(t, { config: { ...caConfig(), profiles: config } })
  const client = await createAccount(world)
  const retryOf = async (profile: string) => {
    const { chain } = await client.certificate(['www.example.test'], { profile })
    return (await client.get(`${at('renewal-info')}/${idOf(chain)}`)).headers['retry-after']
  }
  t.equal(await retryOf('short'), '180')
  t.equal(await retryOf('default'), '21600')
})

t.test('an address is the same however it is spelled (RFC 9773 §5)', async t => {
  const record = { issuer: 'aa', account: 'a', identifiers: [{ type: 'ip', value: '2001:db8::1' }] }
  t.doesNotThrow(() =>
    checkReplaced(record as CertificateRecord, { issuer: 'aa', serial: '' }, 'a', [
      { type: 'ip', value: '2001:DB8:0:0::1' },
    ]),
  )
})

t.test('an order says which certificate it replaces (RFC 9773 §5)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { chain } = await client.certificate(['www.example.test', 'a.example.test'])
  const replaces = idOf(chain)
  const other = await createAccount(world)
  const foreign = idOf((await other.certificate(['www.example.test'])).chain)
  const rows: [string, string[], unknown, string, number][] = [
    ['no text', ['www.example.test'], 7, 'malformed', 400],
    ['no certificate of ours', ['www.example.test'], 'AQID.AQID', 'malformed', 400],
    ['a certificate of another account', ['www.example.test'], foreign, 'unauthorized', 403],
    ['no identifier in common', ['b.example.test'], replaces, 'malformed', 400],
  ]
  for (const [name, names, value, problem, status] of rows) {
    const reply = await client.order(names, { replaces: value })
    t.match(reply, { status, json: { type: URN + problem } }, name)
  }
  const first = await client.order(['www.example.test'], { replaces })
  t.match(first, { status: 201, json: { replaces } })
  const second = await client.order(['a.example.test'], { replaces })
  t.match(second, { status: 409, json: { type: `${URN}alreadyReplaced` } })
  const spelled = await client.order(['a.example.test'], { replaces: otherSpelling(replaces) })
  t.match(spelled, { status: 400, json: { type: `${URN}malformed` } }, 'nor by another spelling of its name')
  await client.post(first.json.authorizations[0], { status: 'deactivated' })
  t.equal((await client.order(['a.example.test'], { replaces })).status, 201, 'an order that failed replaces nothing')
  world.clock.jump(4 * 24 * 3_600_000)
  t.equal((await client.order(['a.example.test'], { replaces })).status, 201, 'nor does one that ran out')
})
