import t, { type Test } from 'tap'
import { compilePattern } from '../../../config/pattern.ts'
import type { OidcConfig } from '../../../config/schema.ts'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import { systemRandom } from '../../../host/random.ts'
import { Sessions } from '../../../server/api/sessions.ts'
import { createApp } from '../../../server/http/http-app.ts'
import { serveOidc } from '../../../server/oidc/routes.ts'
import { ISSUER, standIn } from './stand-in.ts'

const OIDC: OidcConfig = {
  ...{ issuer: ISSUER, url: 'https://ns1.example', client_id: 'namestead', client_secret: 's3cret' },
  ...{ scopes: ['openid', 'groups'], name: 'preferred_username', label: 'Corp', logout: true },
  grants: [
    { claim: 'groups', values: ['dns-admins'], role: 'admin', zones: [compilePattern('**')] },
    { claim: 'realm.roles', values: ['team-a'], role: 'write', zones: [compilePattern('**.a.example')], views: ['in'] },
  ],
}
const ALICE = { preferred_username: 'alice@example', groups: ['staff', 'dns-admins'] }
/** Long after the system's: the clock is the daemon's. */
const NOW = Date.UTC(2031, 0, 1)

async function open(t: Test, config: Partial<OidcConfig> = {}) {
  const time = { now: NOW, monotonic: 0 }
  const clock = { ...systemClock, now: () => time.now, monotonic: () => time.monotonic }
  const provider = await standIn(() => time.now / 1000)
  const current: { oidc: OidcConfig | undefined } = { oidc: { ...OIDC, ...config } }
  const sessions = new Sessions({ holding: () => undefined }, clock, systemRandom)
  const notes: object[] = []
  const app = createApp(silentLog)
  serveOidc(app, {
    ...{ config: () => current.oidc, sessions, clock, random: systemRandom, log: silentLog },
    note: call => void notes.push(call),
    fetchFor:
      () =>
      (...request) =>
        provider.fetch(...request),
  })
  t.teardown(() => app.close())
  const begin = async () => {
    const { statusCode, headers, body } = await app.inject('/oidc/login')
    return { statusCode, body, url: String(headers.location), cookie: String(headers['set-cookie']) }
  }
  const back = (query: string, cookie: string) =>
    app.inject({ url: `/oidc/callback${query}`, headers: { cookie: cookie.split(';')[0]! } })
  /** The whole way; gives the last answer. */
  const logIn = async () => {
    const { url, cookie } = await begin()
    return back(provider.logIn(url), cookie)
  }
  /** Whom the session of an answer is for. */
  const secretOf = ({ headers }: { headers: Record<string, unknown> }) =>
    /^__Host-namestead=([\w-]+)/.exec([headers['set-cookie']].flat().join('\n'))?.[1] ?? ''
  const person = (answer: Parameters<typeof secretOf>[0]) => sessions.tokenOf(secretOf(answer))
  /** Ends the session of an answer; gives where the browser goes then. */
  const signOut = (answer: Parameters<typeof secretOf>[0]) => sessions.close(secretOf(answer)).onward?.()
  return { time, provider, current, notes, begin, back, logIn, person, signOut, app }
}

t.test('somebody logs in: sent there with all that must come back, and back to a session', async t => {
  const { provider, notes, begin, back, person } = await open(t)
  provider.claims = ALICE
  const { statusCode, url, cookie } = await begin()
  t.equal(statusCode, 303)
  const { origin, pathname, searchParams } = new URL(url)
  t.equal(origin + pathname, `${ISSUER}/login`)
  t.match(Object.fromEntries(searchParams), {
    ...{ response_type: 'code', client_id: 'namestead', redirect_uri: 'https://ns1.example/oidc/callback' },
    ...{ scope: 'openid groups', code_challenge_method: 'S256', code_challenge: /^[\w-]{43}$/ },
    ...{ state: /^[\w-]{43}$/, nonce: /^[\w-]{43}$/ },
  })
  t.match(cookie, /^__Host-namestead-login=[\w-]{43}; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=Lax$/)
  const query = provider.logIn(url)
  const answer = await back(query, cookie)
  t.match(answer, { statusCode: 303, headers: { location: '/', 'cache-control': 'no-store' } })
  const [session, gone] = answer.headers['set-cookie'] as string[]
  t.match(session, /^__Host-namestead=[\w-]{43}; Path=\/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict$/)
  t.match(gone, /^__Host-namestead-login=; Path=\/; Max-Age=0/)
  t.match(person(answer), { kind: 'person', name: 'alice@example', roles: ['admin'] })
  t.equal(provider.authorization, `Basic ${Buffer.from('namestead:s3cret').toString('base64')}`)
  t.same(notes, [{ signed_in: 'alice@example', sub: 'u1', issuer: ISSUER, role: 'admin', from: '127.0.0.1' }])

  const again = await back(query, cookie)
  t.match(again, { statusCode: 400 }, 'and nothing comes back twice')
  t.match(again.body, 'Go back and sign in again')
  t.notOk(again.headers['set-cookie'])
})

t.test('what must not be believed is not', async t => {
  const rows: [string, Record<string, unknown>, RegExp][] = [
    ['another nonce', { nonce: 'another' }, /can't be believed: .*nonce/],
    ['no nonce', { nonce: undefined }, /can't be believed/],
    ['for another client', { aud: 'somebody' }, /can't be believed: .*aud/],
    ['for others too, and not by us', { aud: ['namestead', 'other'], azp: 'other' }, /can't be believed/],
    ['of another issuer', { iss: 'https://evil.example' }, /can't be believed: .*iss/],
    ['expired', { exp: NOW / 1000 - 60 }, /can't be believed: .*exp/],
    ['made in the future', { nbf: NOW / 1000 + 3600 }, /can't be believed: .*nbf/],
    ['of nobody', { sub: undefined }, /can't be believed/],
  ]
  const { provider, logIn, notes, time } = await open(t)
  for (const [why, claims, words] of rows) {
    time.monotonic += 60_000
    provider.claims = { ...ALICE, ...claims }
    const answer = await logIn()
    t.match(answer, { statusCode: 502 }, why)
    t.match(answer.body, words, why)
    t.notOk(answer.headers['set-cookie'], why)
  }
  t.equal(notes.length, rows.length, 'each is kept')
  t.match(notes[0], { refused: 'OpenID Connect login', from: '127.0.0.1' })

  provider.claims = ALICE
  provider.forged = true
  t.match(await logIn(), { statusCode: 502 }, 'signed by somebody else')
  provider.forged = false
  t.match(await logIn(), { statusCode: 303 })
})

t.test('who comes back must have been sent from here, not long ago, by the same browser', async t => {
  const { provider, begin, back, time } = await open(t)
  provider.claims = ALICE
  const [mine, other] = [await begin(), await begin()]
  t.match(await back(provider.logIn(mine.url), other.cookie), { statusCode: 502 }, 'the state of another browser')
  t.match(await back(provider.logIn(mine.url), ''), { statusCode: 400 }, 'no cookie')
  const withOtherIssuer = provider.logIn(mine.url).replace(encodeURIComponent(ISSUER), 'https://evil.example')
  t.match(await back(withOtherIssuer, mine.cookie), { statusCode: 502 }, 'RFC 9207 §2.4: another issuer answers')
  const late = await begin()
  time.monotonic += 600_001
  t.match(await back(provider.logIn(late.url), late.cookie), { statusCode: 400 }, 'after ten minutes')
  const denied = await begin()
  const state = new URL(denied.url).searchParams.get('state')!
  const query = new URLSearchParams({ error: 'access_denied', error_description: '<b>no</b>', state, iss: ISSUER })
  const refused = await back(`?${query}`, denied.cookie)
  t.match(refused, { statusCode: 403 })
  t.match(refused.body, 'access_denied: &lt;b&gt;no&lt;/b&gt;')
  t.match(refused.headers['content-security-policy'], /^default-src 'none'/)
})

t.test('RFC 6749 §10.5: a code that was used already is refused by the provider, and we say so', async t => {
  const { provider, begin, back } = await open(t)
  provider.claims = ALICE
  const first = await begin()
  const query = provider.logIn(first.url)
  t.match(await back(query, first.cookie), { statusCode: 303 })
  const second = await begin()
  const replayed = query.replace(/state=[^&]+/, `state=${new URL(second.url).searchParams.get('state')}`)
  const answer = await back(replayed, second.cookie)
  t.match(answer, { statusCode: 400 })
  t.match(answer.body, 'does not accept this login any more: invalid_grant')
})

t.test('the first grant that fits decides; who fits none is refused', async t => {
  const { provider, logIn, person, notes } = await open(t)
  provider.claims = { preferred_username: 'bob', realm: { roles: ['team-a'] } }
  t.match(person(await logIn()), { name: 'bob', roles: ['write'], views: ['in'], zones: [{ text: '**.a.example' }] })
  provider.claims = { preferred_username: 'eve', groups: ['staff'] }
  const answer = await logIn()
  t.match(answer, { statusCode: 403 })
  t.match(answer.body, 'Nothing is granted to eve here')
  t.notOk(answer.headers['set-cookie'])
  t.match(notes.at(-1), { refused: 'OpenID Connect login', reason: /eve/ })
  for (const name of [undefined, '', 'two words', 'new\nline', 'a\u202eb', 7]) {
    provider.claims = { ...ALICE, preferred_username: name }
    t.match(await logIn(), { statusCode: 403 }, `named ${name}`)
  }
})

t.test('an address names nobody that the provider has not verified', async t => {
  const { provider, logIn, person } = await open(t, { name: 'email' })
  provider.claims = { ...ALICE, email: 'a@b.example', email_verified: false }
  t.match(await logIn(), { statusCode: 403 })
  provider.claims = { ...ALICE, email: 'a@b.example', email_verified: true }
  t.match(person(await logIn()), { name: 'a@b.example' })
})

t.test('an address that the provider has not verified grants nothing', async t => {
  const grants: OidcConfig['grants'] = [
    { claim: 'email', values: ['a@b.example'], role: 'admin', zones: [compilePattern('**')] },
  ]
  const { provider, logIn, person } = await open(t, { grants })
  provider.claims = { ...ALICE, email: 'a@b.example', email_verified: false }
  t.match(await logIn(), { statusCode: 403 })
  provider.claims = { ...ALICE, email: 'a@b.example', email_verified: true }
  t.match(person(await logIn()), { name: 'alice@example', roles: ['admin'] })
})

t.test('what the ID token lacks is asked of userinfo', async t => {
  const { provider, logIn, person } = await open(t)
  provider.more = { sub: 'u1', ...ALICE }
  t.match(person(await logIn()), { name: 'alice@example', roles: ['admin'] })
  t.ok(provider.asked.includes('GET /realm/me'))
  provider.more = { ...ALICE, sub: 'u2' }
  t.match(await logIn(), { statusCode: 502 }, 'OpenID Connect §5.3.2: that of somebody else is not used')
})

t.test('a reload gives and takes', async t => {
  const { provider, logIn, person, current } = await open(t)
  provider.claims = { preferred_username: 'bob', realm: { roles: ['team-a'] } }
  const answer = await logIn()
  current.oidc = { ...OIDC, grants: [{ ...OIDC.grants[1]!, role: 'read' }] }
  t.match(person(answer), { roles: ['read'] }, 'the same person with less')
  current.oidc = { ...OIDC, grants: [OIDC.grants[0]!] }
  t.notOk(person(answer), 'and with nothing any more')
  const once = await logIn().then(person)
  t.notOk(once)
})

t.test('where nobody logs in so, there is nothing', async t => {
  const { current, app } = await open(t)
  current.oidc = undefined
  t.match(await app.inject('/oidc/login'), { statusCode: 404 })
  t.match(await app.inject('/oidc/callback?code=1'), { statusCode: 404 })
})

t.test('a public client shows no secret', async t => {
  const { client_secret: _, ...without } = OIDC
  const { provider, logIn, current } = await open(t)
  current.oidc = without
  provider.claims = ALICE
  t.match(await logIn(), { statusCode: 303 })
  t.notOk(provider.authorization)
  t.equal(provider.form.get('client_id'), 'namestead')
})

t.test('a provider that is away is said to be; the next login asks it again', async t => {
  const { provider, logIn, begin } = await open(t)
  const { fetch } = provider
  provider.fetch = () => Promise.reject(new Error('connection refused'))
  const answer = await begin()
  t.equal(answer.statusCode, 502)
  t.match(answer.body, 'The provider does not answer: connection refused')
  provider.fetch = fetch
  provider.claims = ALICE
  t.match(await logIn(), { statusCode: 303 })
  const asked = provider.asked.filter(one => one.includes('well-known')).length
  await logIn()
  t.equal(provider.asked.filter(one => one.includes('well-known')).length, asked, 'and what it said is remembered')
})

t.test('nobody has the provider asked without end', async t => {
  const { app, time } = await open(t)
  for (let i = 0; i < 20; i++) t.match(await app.inject('/oidc/login'), { statusCode: 303 })
  t.match(await app.inject('/oidc/login'), { statusCode: 429, headers: { 'retry-after': '5' } })
  time.monotonic += 5000
  t.match(await app.inject('/oidc/login'), { statusCode: 303 })
})

t.test('RP-Initiated Logout §2: who signs out here is signed out at the provider', async t => {
  const { provider, logIn, person, signOut, time } = await open(t)
  provider.claims = ALICE
  provider.end = `${ISSUER}/logout?realm=corp`
  const answer = await logIn()
  const url = new URL((await signOut(answer))!)
  t.equal(person(answer), undefined, 'the session here is over')
  t.equal(url.origin + url.pathname, `${ISSUER}/logout`)
  const { id_token_hint: hint, ...parameters } = Object.fromEntries(url.searchParams)
  t.same(parameters, { realm: 'corp', client_id: 'namestead', post_logout_redirect_uri: 'https://ns1.example/' })
  t.match(JSON.parse(Buffer.from(hint!.split('.')[1]!, 'base64url').toString()), { iss: ISSUER, sub: 'u1' })
  t.equal(await signOut(answer), undefined, 'nothing ends twice')

  const unreachable = await logIn()
  time.monotonic += 3_600_000
  const { fetch } = provider
  provider.fetch = async () => Promise.reject(new Error('no route'))
  t.equal(await signOut(unreachable), undefined, 'a provider that does not answer keeps nobody here')
  provider.fetch = fetch
  delete provider.end
  t.equal(await signOut(await logIn()), undefined, 'where the provider has no such place')
})

t.test('logout: false leaves the session of the provider alone', async t => {
  const { provider, logIn, signOut } = await open(t, { logout: false })
  provider.claims = ALICE
  provider.end = `${ISSUER}/logout`
  t.equal(await signOut(await logIn()), undefined)
})
