import { createPublicKey, X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { derBlocks, pemOf } from '../../../ca/x509/x509.ts'
import type { ShownCertificate } from '../../../host/network.ts'
import { createAccount, createClient, createCsr } from '../client.ts'
import { caConfig, createWorld, type World, type WorldOptions } from '../world.ts'

const DAY = 86_400_000
const RULES = '[{ names: ["**.example.test"], wildcards: true }]'
/** The one issuer's rules and profiles, over those of the test's config. */
const config = (issue = RULES, more = '', profile = 'renewable: true') =>
  caConfig(`  issuers: { acme: { issue: ${issue}, profiles: [{ name: default, validity: 90d, usages: [server, client], ${profile} }] } }
  accounts: { external_binding: optional }
${more}`)

const show = (chain: string): ShownCertificate => ({ verified: true, der: derBlocks('CERTIFICATE', chain)[0]! })

/** A CA, an account with a certificate, and its holder, who shows it. */
async function open(t: Test, options: WorldOptions = {}) {
  const world = await createWorld(t, { config: config(), ...options })
  const client = await createAccount(world)
  const { chain } = await client.certificate(['www.example.test', '*.example.test'])
  world.shown = show(chain)
  return { world, client, chain, leaf: new X509Certificate(chain) }
}

async function post(world: World, url: string, body?: object) {
  const reply = await world.https.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    ...(body && { payload: JSON.stringify(body) }),
  })
  return { status: reply.statusCode, json: reply.json() as Record<string, never> }
}

const run = (world: World, command: string, args: object = {}) =>
  world.ca.commands[command]!(args as Record<string, unknown>) as Promise<never>

t.test('who shows a certificate gets the next: names, key and account stay, and the record says so', async t => {
  const { world, client, leaf } = await open(t)
  await world.clock.advance(30 * DAY)
  for (const path of ['/renew', '/1.0/renew']) {
    const { status, json } = await post(world, path)
    t.equal(status, 201)
    const next = new X509Certificate(json['crt']!)
    t.equal(next.subjectAltName, leaf.subjectAltName)
    t.equal(next.subject, leaf.subject)
    t.ok(next.publicKey.equals(leaf.publicKey))
    t.not(next.serialNumber, leaf.serialNumber)
    t.ok(Date.parse(next.validTo) > Date.parse(leaf.validTo))
    t.equal(json['certChain']![0], json['crt'])
    t.equal(json['certChain']![1], json['ca'])
    t.ok(next.checkIssued(new X509Certificate(json['ca']!)))
    const { entry } = (await run(world, 'ca.log.prove', { serial: next.serialNumber })) as { entry: string }
    t.match(JSON.parse(entry), {
      kind: 'issued',
      way: 'step ca renew',
      replaces: leaf.serialNumber.toLowerCase(),
      account: client.kid!.split('/').at(-1),
      proofs: [{ method: 'dns-01' }, { method: 'dns-01' }],
    })
  }
})

t.test('what was renewed may be renewed again, by what it was once proved by', async t => {
  const { world } = await open(t)
  const { json } = await post(world, '/renew')
  world.shown = show(json['crt']!)
  t.equal((await post(world, '/renew')).status, 201)
})

t.test('another key, for which the CSR alone counts', async t => {
  const { world, leaf } = await open(t)
  const { csr, key } = await createCsr(['other.example.org'])
  const pem = pemOf('CERTIFICATE REQUEST', Buffer.from(csr, 'base64url'))
  const { status, json } = await post(world, '/rekey', { csr: pem })
  t.equal(status, 201)
  const next = new X509Certificate(json['crt']!)
  t.equal(next.subjectAltName, leaf.subjectAltName)
  t.ok(next.publicKey.equals(createPublicKey(key)))
  for (const body of [undefined, {}, { csr: 'nonsense' }, { csr: pem.replace(/^.{20}/m, 'A'.repeat(20)) }]) {
    const { status, json } = await post(world, '/1.0/rekey', body)
    t.match({ status, json }, { status: 400, json: { status: 400, message: /csr|CSR/ } })
  }
})

t.test('nothing else is taken for a certificate that stands', async t => {
  const { world, client, chain } = await open(t)
  const refused = async (what: string, shown: ShownCertificate | undefined, because: RegExp, status = 401) => {
    if (shown) world.shown = shown
    else delete world.shown
    const reply = await post(world, '/renew')
    t.match(reply, { status, json: { status, message: because } }, what)
  }
  await refused('nothing shown', undefined, /show a certificate/)
  await refused('one that did not verify', { verified: false }, /must be one of ours/)
  const { json: roots } = await get(world, '/intermediates')
  await refused('one of our own', show(roots.crts[0]!), /"ca" are not renewed/, 403)
  const other = await client.certificate(['other.example.test'])
  await run(world, 'ca.revoke', { certificate: other.chain, reason: 'superseded' })
  const foreign = await createWorld(t, { config: config() })
  const { chain: theirs } = await (await createAccount(foreign)).certificate(['www.example.test'])
  await refused('one that we have not issued, whoever let it through', show(theirs), /not known/)
  await refused('one that was revoked since the handshake', show(other.chain), /revoked/)
  await world.clock.advance(91 * DAY)
  await refused('one that ended since the handshake', show(chain), /at this time/)
})

async function get(world: World, url: string) {
  return { json: (await world.https.inject({ method: 'GET', url })).json() as { crts: string[] } }
}

t.test('the account must still be one', async t => {
  const { world, client } = await open(t)
  await client.post(client.kid!, { status: 'deactivated' })
  t.match(await post(world, '/renew'), { status: 401, json: { message: /account/ } })
})

t.test('rules are asked as they are now, and what they refuse is in the record', async t => {
  const { world, chain } = await open(t)
  await world.restart(config('[{ names: ["other.example.test"] }]'))
  world.shown = show(chain)
  t.match(await post(world, '/renew'), { status: 400, json: { message: /www\.example\.test: no issue rule covers/ } })
  const [refusal] = (await run(world, 'ca.refusals')) as { names: object[] }[]
  t.match(refusal, { names: [{ because: /no issue rule/ }, { because: /no issue rule/ }] })
})

t.test('a key that binds the account must still hold', async t => {
  const only = '[{ names: ["**.example.test"], wildcards: true, key: cluster-a }]'
  const world = await createWorld(t, { config: config(only) })
  const { kid, hmac_key } = (await run(world, 'ca.eab.create', { name: 'cluster-a' })) as Record<string, string>
  const client = await createClient(world)
  await client.register({ externalAccountBinding: await client.bind(kid!, hmac_key!) })
  world.shown = show((await client.certificate(['www.example.test'])).chain)
  t.equal((await post(world, '/renew')).status, 201)
  await run(world, 'ca.eab.revoke', { kid })
  t.match(await post(world, '/renew'), { status: 403, json: { message: /revoked/ } })
})

t.test('who could write the name in DNS must still be allowed to (writers)', async t => {
  const change = { view: 'inside', zone: 'example.test.', serial: 7, key: 'apps.' }
  const may = { write: true }
  const dns = { provenance: async () => change, mayWrite: () => may.write }
  const { world } = await open(t, { config: config('[{ names: ["**"], wildcards: true, writers: true }]'), dns })
  t.equal((await post(world, '/renew')).status, 201)
  may.write = false
  t.match(await post(world, '/renew'), { status: 400, json: { message: /who may write it in DNS/ } })
})

t.test(
  'CAA is asked before each issuance (RFC 8659 §3), as of the account and the method that proved control',
  async t => {
    const { world, client } = await open(t)
    const caa = (value: string) => world.zone.set('example.test', 'CAA', `0 issue "${value}"`, `0 issuewild "${value}"`)
    caa(`ca.example.test; accounturi=${client.kid}; validationmethods=dns-01`)
    t.equal((await post(world, '/renew')).status, 201)
    caa('ca.example.test; validationmethods=http-01')
    t.match(await post(world, '/renew'), { status: 403 })
    caa('other.example')
    t.match(await post(world, '/renew'), { status: 403, json: { message: /CAA/ } })
  },
)

t.test('a profile says whether what is issued under it is renewed so; unless it does, nothing is', async t => {
  const { world } = await open(t, { config: config(RULES, '', 'renewable: false') })
  t.match(await post(world, '/renew'), { status: 403, json: { message: /not renewed by showing/ } })
})

t.test('what was issued past the rules is renewed only by a rule that is for anybody', async t => {
  const csr = async (...names: string[]) =>
    pemOf('CERTIFICATE REQUEST', Buffer.from((await createCsr(names)).csr, 'base64url'))
  const world = await createWorld(t, { config: config() })
  for (const [name, status] of [
    ['www.example.test', 201],
    ['www.example.org', 400],
  ] as const) {
    const made = (await run(world, 'ca.sign', { csr: await csr(name) })) as { certificate: string }
    world.shown = show(made.certificate)
    t.equal((await post(world, '/renew')).status, status, name)
  }
})

t.test('an account may not have certificates without end', async t => {
  const { world } = await open(t, { config: config(RULES, '  limits: { orders: 3 }\n') })
  for (let i = 0; i < 3; i++) t.equal((await post(world, '/renew')).status, 201)
  const reply = await world.https.inject({ method: 'POST', url: '/renew' })
  t.equal(reply.statusCode, 503)
  t.match(reply.headers, { 'retry-after': /^\d+$/ })
})
