import t from 'tap'
import { systemClock } from '../../../host/clock.ts'
import { systemRandom } from '../../../host/random.ts'
import { Sessions } from '../../../server/api/sessions.ts'
import type { Token } from '../../../server/api/tokens.ts'
import { startApi } from './running.ts'

const PATH = '/api/v1/session'
const PAGE = { 'sec-fetch-site': 'same-origin' }
const CHANGE = '/api/v1/servers/inside/zones/a.example.'
const BODY = {
  rrsets: [{ changetype: 'REPLACE', name: 'new.a.example.', type: 'A', ttl: 60, records: [{ content: '192.0.2.9' }] }],
}

t.test('a token is exchanged for a session, which does what the token may', async t => {
  const api = await startApi(t)
  const token = await api.token({ name: 'me', roles: ['write'] })
  const opened = await api.call('POST', PATH, { token, headers: PAGE })
  t.match(opened.body, { name: 'me', roles: ['write'], everything: true, ca: true, server: 'ns.a.example.' })
  const [setCookie] = opened.headers['set-cookie'] as string[]
  t.match(setCookie, /^__Host-namestead=[\w-]{43}; Path=\/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict$/)
  t.notMatch(JSON.stringify(opened), token)
  const cookie = setCookie!.split(';')[0]!
  const call = (method: string, path: string, headers: Record<string, string> = {}, body?: object) =>
    api.call(method, path, { headers: { cookie, ...headers }, ...(body && { body }) })

  t.equal((await call('GET', PATH, PAGE)).body.name, 'me')
  t.equal((await call('PATCH', CHANGE, PAGE, BODY)).status, 204)
  t.equal((await call('POST', '/api/v1/tokens', PAGE, { zones: ['**'] })).status, 403, 'and nothing more')

  t.test('but only for our own page', async t => {
    for (const [why, headers] of [
      ['another site', { 'sec-fetch-site': 'cross-site' }],
      ['another host of ours', { 'sec-fetch-site': 'same-site' }],
      ['an older browser at another site', { origin: 'https://evil.example' }],
      ['a program without any of it', {}],
    ] as const) {
      const refused = await call('PATCH', CHANGE, headers, BODY)
      t.equal(refused.status, 403, why)
    }
    t.equal((await call('GET', PATH, { 'sec-fetch-site': 'cross-site' })).status, 403, 'even to look')
    t.equal((await call('GET', PATH)).status, 200, 'an older browser that looks says nothing of whence')
  })

  t.test('no page of another site changes anything, whatever the credential', async t => {
    const refused = await api.call('PATCH', CHANGE, { token, headers: { 'sec-fetch-site': 'cross-site' }, body: BODY })
    t.equal(refused.status, 403)
    t.match(refused.body.detail, "another site's page")
    t.equal((await api.call('POST', PATH, { token })).status, 403, 'nor opens a session')
  })

  t.test('a page is not asked for a password by its browser', async t => {
    t.equal((await api.call('GET', PATH, { headers: PAGE })).headers['www-authenticate'], 'Bearer realm="namestead"')
  })

  t.test('it ends with its token', async t => {
    const other = await api.token({ name: 'short', roles: ['read'] })
    const { headers } = await api.call('POST', PATH, { token: other, headers: PAGE })
    const short = { ...PAGE, cookie: (headers['set-cookie'] as string[])[0]!.split(';')[0]! }
    t.equal((await api.call('GET', PATH, { headers: short })).status, 200)
    await api.command('token.revoke', { name: 'short' })
    const over = await api.call('GET', PATH, { headers: short })
    t.equal(over.status, 401)
    t.match(over.body.detail, 'the session is over')
  })

  t.test('and when one leaves', async t => {
    const left = await call('DELETE', PATH, PAGE)
    t.match((left.headers['set-cookie'] as string[])[0], /^__Host-namestead=; Path=\/; Max-Age=0/)
    t.equal((await call('GET', PATH, PAGE)).status, 401)
  })
})

t.test('sessions end by themselves', async t => {
  const time = { now: 0 }
  const clock = { ...systemClock, monotonic: () => time.now }
  const token = { id: '1' } as Token
  const sessions = new Sessions({ holding: () => token }, clock, systemRandom)
  const secretOf = (cookie: string) => /=([\w-]+);/.exec(cookie)![1]!
  const [quiet, busy] = [secretOf(sessions.open(token)), secretOf(sessions.open(token))]
  const HOUR = 3_600_000
  for (time.now = 0; time.now <= 12 * HOUR; time.now += HOUR / 2)
    t.ok(sessions.tokenOf(busy), `${time.now / HOUR} hours`)
  t.notOk(sessions.tokenOf(busy), 'after twelve hours, busy or not')
  t.notOk(sessions.tokenOf(quiet), 'after an hour without a request')
  const first = secretOf(sessions.open(token))
  for (let i = 0; i < 1000; i++) sessions.open(token)
  t.notOk(sessions.tokenOf(first), 'and the quietest where there are a thousand')
  t.notOk(sessions.tokenOf('made up'))
})
