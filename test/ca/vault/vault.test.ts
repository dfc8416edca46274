import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { pemOf } from '../../../ca/x509/x509.ts'
import { scratchFolder } from '../../scratch.ts'
import { createCsr } from '../client.ts'
import { judge } from '../fixture.ts'
import { caConfig, createWorld, type World, type WorldOptions } from '../world.ts'

const VAULT = `
  vault:
    roles:
      - { name: web, names: ["**.apps.example.test"], addresses: [192.0.2.0/24] }
      - { name: mesh, uris: ["spiffe://mesh.example.test/**"], profile: mesh }
    intermediates:
      - { name: spire, trust_domain: mesh.example.test, validity: 10d }
    auth:
      tokens: [{ token: standing-token, roles: [web] }]
      approle:
        - { role_id: cm, secret_id: s3cret, roles: [web], ttl: 10m }
        - { role_id: spire, secret_id: other, roles: [spire, mesh] }
`

/** A world with the API, and its calls. */
async function open(t: Test, more = '', options: Omit<WorldOptions, 'config'> = {}) {
  const text = (VAULT + more).replace(/^\n/, '')
  const profiles =
    '  issuers: { acme: { profiles: [{ name: default, validity: 90d }, { name: mesh, validity: 1h, san: [uri] }] } }\n'
  const world = await createWorld(t, { ...options, config: caConfig(text + profiles) })
  const call = async (method: 'GET' | 'POST' | 'PUT', path: string, body?: object, token?: string) => {
    const reply = await world.https.inject({
      method,
      url: `/v1/${path}`,
      ...(body && { payload: JSON.stringify(body) }),
      headers: { ...(token !== undefined && { 'x-vault-token': token }) },
    })
    return { status: reply.statusCode, text: reply.body, json: safeJson(reply.body) }
  }
  const login = async (role_id = 'cm', secret_id = 's3cret') =>
    (await call('POST', 'auth/approle/login', { role_id, secret_id })).json
  return { world, call, login }
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, looked into by tests
function safeJson(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function csrFor(...names: string[]): Promise<string> {
  return pemOf('CERTIFICATE REQUEST', Buffer.from((await createCsr(names)).csr, 'base64url'))
}

/** What was issued, but for the certificates of the CA itself. */
const leaves = async (world: World) =>
  ((await world.ca.commands['ca.list']!({})) as { names: string[]; profile: string }[]).filter(
    ({ profile }) => profile !== 'ca',
  )

const rootOf = (world: World) => world.https.inject({ url: '/roots.pem' }).then(({ body }) => body)

t.test('what cert-manager does: health, AppRole login, sign', async t => {
  const { world, call, login } = await open(t)
  t.match(await call('GET', 'sys/health'), { status: 200, json: { initialized: true, sealed: false, standby: false } })
  const { auth } = await login()
  t.match(auth, { client_token: /^hvs\./, lease_duration: 600, renewable: true, policies: ['web'] })
  const csr = await csrFor('www.apps.example.test')
  const request = {
    csr,
    common_name: 'www.apps.example.test',
    alt_names: 'www.apps.example.test, api.apps.example.test',
    ip_sans: '192.0.2.7',
    uri_sans: '',
    ttl: '2160h0m0s',
    exclude_cn_from_sans: 'true',
  }
  const signed = await call('PUT', 'pki/sign/web', request, auth.client_token)
  t.equal(signed.status, 200, signed.text)
  const { certificate, issuing_ca, ca_chain, serial_number, expiration } = signed.json.data
  const leaf = new X509Certificate(certificate)
  t.equal(leaf.subjectAltName, 'DNS:api.apps.example.test, DNS:www.apps.example.test, IP Address:192.0.2.7')
  t.match(serial_number, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  t.equal(expiration, Date.parse(leaf.validTo) / 1000)
  t.equal(ca_chain[0], issuing_ca)
  t.equal(ca_chain[1], await rootOf(world), 'so that cert-manager can fill ca.crt')
  const files = { 'root.pem': ca_chain[1], 'int.pem': issuing_ca, 'leaf.pem': certificate }
  const verified = await judge(
    files,
    'openssl',
    'verify',
    '-x509_strict',
    '-no_check_time',
    '-CAfile',
    'root.pem',
    '-untrusted',
    'int.pem',
    'leaf.pem',
  )
  t.match(verified.output, 'leaf.pem: OK')
  t.strictSame(
    (await leaves(world)).map(({ names }) => names.length),
    [3],
  )
})

t.test('refusals: a status and sentences, and nothing is signed', async t => {
  const { world, call, login } = await open(t)
  const { client_token: web } = (await login()).auth
  const csr = await csrFor('www.apps.example.test')
  const cases: [what: string, path: string, body: object, token: string | undefined, status: number, words: RegExp][] =
    [
      ['no token', 'pki/sign/web', { csr }, undefined, 403, /permission denied/],
      ['an unknown token', 'pki/sign/web', { csr }, 'hvs.nobody', 403, /permission denied/],
      ['another role', 'pki/sign/mesh', { csr }, web, 403, /permission denied/],
      ['an unknown role', 'pki/sign/none', { csr }, web, 403, /permission denied/],
      [
        'a name outside the role',
        'pki/sign/web',
        { csr, alt_names: 'www.example.test' },
        web,
        400,
        /www\.example\.test is not allowed by the role web/,
      ],
      ['a wildcard', 'pki/sign/web', { csr, alt_names: '*.apps.example.test' }, web, 400, /not allowed/],
      ['an address outside', 'pki/sign/web', { csr, ip_sans: '198.51.100.1' }, web, 400, /not allowed/],
      ['a URI', 'pki/sign/web', { csr, uri_sans: 'spiffe://mesh.example.test/x' }, web, 400, /not allowed/],
      ['no CSR', 'pki/sign/web', {}, web, 400, /csr is missing/],
      [
        'a CSR that is none',
        'pki/sign/web',
        { csr: pemOf('CERTIFICATE REQUEST', Uint8Array.of(1, 2, 3)) },
        web,
        400,
        /csr: /,
      ],
      ['a bad ttl', 'pki/sign/web', { csr, ttl: 'soon' }, web, 400, /"soon" is not a ttl/],
      ['making keys', 'pki/issue/web', {}, web, 403, /keys are never made here; send a CSR to pki\/sign\/web/],
      ['another mount', 'other/sign/web', { csr }, web, 404, /nothing is mounted/],
      ['an intermediate', 'pki/root/sign-intermediate', { csr }, web, 403, /permission denied/],
      ['another call', 'pki/config/urls', {}, web, 404, /no such call/],
    ]
  for (const [what, path, body, token, status, words] of cases) {
    const reply = await call('POST', path, body, token)
    t.match(reply, { status, json: { errors: [words] } }, what)
  }
  t.strictSame(await leaves(world), [])
  const broken = await world.https.inject({
    method: 'POST',
    url: '/v1/pki/sign/web',
    payload: '{',
    headers: { 'x-vault-token': web },
  })
  t.match([broken.statusCode, broken.json()], [400, { errors: ['the body is no JSON'] }])
})

t.test('tokens: those of the configuration hold, logins end, are looked up and renewed', async t => {
  const { world, call, login } = await open(t)
  const standing = await call('GET', 'auth/token/lookup-self', undefined, 'standing-token')
  t.match(standing, {
    status: 200,
    json: { data: { display_name: 'token 1', policies: ['web'], ttl: 0, expire_time: null } },
  })
  const { client_token: token } = (await login()).auth
  await world.clock.advance(540_000)
  t.match((await call('GET', 'auth/token/lookup-self', undefined, token)).json.data, { ttl: 60, renewable: true })
  t.match(await call('POST', 'auth/token/renew-self', {}, token), {
    status: 200,
    json: { auth: { lease_duration: 600 } },
  })
  await world.clock.advance(590_000)
  t.equal((await call('GET', 'auth/token/lookup-self', undefined, token)).status, 200)
  await world.clock.advance(20_000)
  t.equal((await call('GET', 'auth/token/lookup-self', undefined, token)).status, 403)
})

t.test('wrong secrets are refused, and guessing is slowed down', async t => {
  const { world, login, call } = await open(t)
  t.match(await login('cm', 'wrong'), { errors: ['invalid role or secret ID'] })
  t.match(await login('nobody', 's3cret'), { errors: ['invalid role or secret ID'] })
  for (let i = 0; i < 30; i++) await login('cm', `guess ${i}`)
  t.match(await call('POST', 'auth/approle/login', { role_id: 'cm', secret_id: 's3cret' }), {
    status: 503,
    json: { errors: [/wait a minute/] },
  })
  t.ok((await login('spire', 'other')).auth, 'another role from the same address is not shut out')
  await world.clock.advance(61_000)
  t.ok((await login()).auth)
})

t.test('wrong tokens are refused, and shut out nobody who has a right one behind the same address', async t => {
  const { login, call } = await open(t)
  const { client_token: token } = (await login()).auth
  const ask = async (text: string) => (await call('GET', 'auth/token/lookup-self', undefined, text)).status
  const statuses: number[] = []
  for (let i = 0; i < 25; i++) statuses.push(await ask(`guess ${i}`))
  t.strictSame([statuses[0], statuses[19], statuses[20], statuses[24]], [403, 403, 503, 503])
  t.equal(await ask(token), 200)
})

t.test('what SPIRE does: a CA for its trust domain, that can certify nothing else', async t => {
  const { call, login } = await open(t)
  const { client_token: token } = (await login('spire', 'other')).auth
  const csr = await csrFor()
  const request = {
    csr,
    common_name: 'SPIRE',
    organization: 'Example',
    country: 'DE',
    uri_sans: 'spiffe://mesh.example.test',
    ttl: '86400',
  }
  const signed = await call('PUT', 'pki/root/sign-intermediate', request, token)
  t.equal(signed.status, 200, signed.text)
  const { certificate, issuing_ca, ca_chain } = signed.json.data
  t.strictSame(ca_chain, [issuing_ca])
  const files = { 'root.pem': issuing_ca, 'ca.pem': certificate }
  t.match(
    (await judge(files, 'openssl', 'verify', '-x509_strict', '-no_check_time', '-CAfile', 'root.pem', 'ca.pem')).output,
    'ca.pem: OK',
  )
  const shown = (await judge(files, 'openssl', 'x509', '-in', 'ca.pem', '-noout', '-text')).output
  t.match(shown, /CA:TRUE, pathlen:0/)
  t.match(shown, /Subject: C = DE, O = Example, CN = SPIRE/)
  t.match(
    shown,
    /Permitted:\s+URI:mesh\.example\.test\s+Excluded:\s+IP:0\.0\.0\.0\/0\.0\.0\.0\s+IP:\S+\s+email:\s+DNS:/,
  )
  const [from, to] = [/Not Before: (.*)/, /Not After : (.*)/].map(line => Date.parse(line.exec(shown)![1]!))
  t.ok(to! - from! <= 86_400_000 + 60_000)

  const elsewhere = { ...request, uri_sans: 'spiffe://other.example.test' }
  t.equal((await call('PUT', 'pki/root/sign-intermediate', elsewhere, token)).status, 403)
  const more = { ...request, uri_sans: 'spiffe://mesh.example.test,spiffe://other.example.test' }
  t.match(await call('PUT', 'pki/root/sign-intermediate', more, token), {
    status: 400,
    json: { errors: [/nothing else/] },
  })
})

t.test('a role for SPIFFE IDs', async t => {
  const { call, login } = await open(t)
  const { client_token: token } = (await login('spire', 'other')).auth
  const csr = await csrFor()
  const signed = await call('POST', 'pki/sign/mesh', { csr, uri_sans: 'spiffe://mesh.example.test/ns/a/sa/b' }, token)
  t.equal(signed.status, 200, signed.text)
  t.equal(new X509Certificate(signed.json.data.certificate).subjectAltName, 'URI:spiffe://mesh.example.test/ns/a/sa/b')
})

t.test('service accounts log in with a token of their cluster', async t => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const { privateKey: stranger } = await generateKeyPair('RS256', { extractable: true })
  const jwks = join(scratchFolder(t), 'jwks.json')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' }
  writeFileSync(jwks, JSON.stringify({ keys: [jwk] }))
  const cluster = `      kubernetes:
        - { issuer: https://kubernetes.default.svc, audience: namestead, jwks: ${jwks}, roles: [{ name: cert-manager, service_accounts: [cert-manager/*], roles: [web] }] }
        - { mount: kubernetes/two, audience: namestead, jwks_url: "https://two.example/openid/v1/jwks", roles: [{ name: any, service_accounts: ["*/*"], roles: [web] }] }
`
  const fetchText = async () => JSON.stringify({ keys: [jwk] })
  const { world, call } = await open(t, cluster, { fetchText })
  const now = world.clock.now() / 1000
  const jwt = (claims: object, key = privateKey) =>
    new SignJWT({
      iss: 'https://kubernetes.default.svc',
      aud: ['namestead'],
      sub: 'system:serviceaccount:cert-manager:cert-manager',
      exp: now + 600,
      ...claims,
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .sign(key)
  const log = (role: string, token: string, mount = 'kubernetes') =>
    call('POST', `auth/${mount}/login`, { role, jwt: token })
  t.match(await log('cert-manager', await jwt({})), { status: 200, json: { auth: { policies: ['web'] } } })
  t.match(await log('any', await jwt({}), 'kubernetes/two'), { status: 200 }, 'with keys that are fetched')
  const wrong: [string, string][] = [
    ['another issuer', await jwt({ iss: 'https://elsewhere' })],
    ['another audience', await jwt({ aud: ['vault'] })],
    ['expired', await jwt({ exp: now - 60 })],
    ['another account', await jwt({ sub: 'system:serviceaccount:default:default' })],
    ['no service account', await jwt({ sub: 'admin' })],
    ['another key', await jwt({}, stranger)],
    ['no token', 'x'],
  ]
  for (const [what, token] of wrong)
    t.match(await log('cert-manager', token), { status: 403, json: { errors: ['permission denied'] } }, what)
  t.match(await log('none', await jwt({})), { status: 400, json: { errors: [/invalid role name "none"/] } })
})

t.test('without ca.vault nothing is there but the sign of life', async t => {
  const world = await createWorld(t)
  t.equal((await world.https.inject({ url: '/v1/sys/health' })).statusCode, 200)
  const reply = await world.https.inject({ method: 'POST', url: '/v1/pki/sign/web', payload: '{}' })
  t.match([reply.statusCode, reply.json()], [404, { errors: [/ca\.vault is not configured/] }])
})
