import { once } from 'node:events'
import { request } from 'node:https'
import t, { type Test } from 'tap'
import { identityOf } from '../../../server/api/certificate-identity.ts'
import { load } from '../../config/sources.ts'
import { type Running, startApi } from './running.ts'

const IDENTITIES = `
api:
  certificates:
    - { name: dns-bot, names: ["bot.a.example"], role: write, zones: [a.example] }
    - { name: ops, names: ["*.ops.a.example"], role: admin, zones: ["**"] }
    - { name: elsewhere, names: ["far.a.example"], role: read, zones: ["**"], from: [192.0.2.0/24] }
`

const open = (t: Test) => startApi(t, undefined, { more: IDENTITIES })

/** A certificate for the names, with its key. */
async function certified({ command }: Running, ...names: string[]) {
  const { certificate, key, serial } = await command('ca.issue', { names })
  return { cert: certificate, key: key!, serial }
}

const ZONES = '/api/v1/servers/localhost/zones'
const CHANGE = {
  rrsets: [{ name: 'x.a.example.', type: 'A', ttl: 60, changetype: 'REPLACE', records: [{ content: '192.0.2.9' }] }],
}

t.test(
  'who shows a certificate for a name of the configuration needs no token, and may do what stands there',
  async t => {
    const daemon = await open(t)
    const bot = await certified(daemon, 'other.a.example', 'bot.a.example')
    const seen = await daemon.call('GET', ZONES, { certificate: bot })
    t.same(
      seen.body.map(({ name }: { name: string }) => name),
      ['a.example.'],
      'the zones that it is for',
    )
    const changed = await daemon.call('PATCH', `${ZONES}/a.example.`, { certificate: bot, body: CHANGE })
    t.equal(changed.status, 204, JSON.stringify(changed.body))
    const [last] = (await daemon.command('zone.history', { zone: 'a.example', view: 'inside' })) as { key?: string }[]
    t.equal(last!.key, 'certificate:dns-bot', 'the history names it')
    t.match(await daemon.call('GET', '/api/v1/status', { certificate: bot }), {
      status: 403,
      body: { detail: /the certificate dns-bot is for some zones/ },
    })
    t.match(
      daemon.lines.filter(({ msg }) => msg === 'API call'),
      Array.from({ length: 3 }, () => ({ audit: true, certificate: 'dns-bot', serial: bot.serial, from: '127.0.0.1' })),
    )
    const ops = await certified(daemon, 'anna.ops.a.example')
    t.equal((await daemon.call('GET', '/api/v1/status', { certificate: ops })).status, 200)
  },
)

t.test('events come to who shows a certificate, until it is revoked', async t => {
  const daemon = await open(t)
  const ops = await certified(daemon, 'anna.ops.a.example')
  const { listen } = await daemon.command('status')
  const port = Number(listen['https']![0]!.split(':')[1])
  const where = { host: '127.0.0.1', port, path: '/api/v1/events', rejectUnauthorized: false, agent: false }
  const [response] = await once(request({ ...where, ...ops }).end(), 'response')
  let events = ''
  for await (const chunk of response) {
    events += chunk
    if (/event: sample/.test(events)) await daemon.command('ca.revoke', { serial: ops.serial }).catch(() => {})
  }
  t.match(events, /event: sample/)
})

t.test('nobody else is let in', async t => {
  const daemon = await open(t)
  const cases: [string, string[], number][] = [
    ['another name', ['www.a.example'], 401],
    ['a wildcard stands for none of its hosts', ['*.ops.a.example'], 401],
    ['from elsewhere', ['far.a.example'], 403],
  ]
  for (const [what, names, status] of cases) {
    const certificate = await certified(daemon, ...names)
    t.equal((await daemon.call('GET', ZONES, { certificate })).status, status, what)
  }
  t.equal((await daemon.call('GET', ZONES)).status, 401, 'no certificate')
  const bot = await certified(daemon, 'bot.a.example')
  await daemon.command('ca.revoke', { serial: bot.serial })
  t.equal((await daemon.call('GET', ZONES, { certificate: bot })).status, 401, 'a revoked one')
})

t.test('a token goes before the certificate, right or wrong', async t => {
  const daemon = await open(t)
  const ops = await certified(daemon, 'anna.ops.a.example')
  const token = await daemon.token({ zones: ['signed.example'], roles: ['read'] })
  const seen = await daemon.call('GET', ZONES, { certificate: ops, token })
  t.same(
    seen.body.map(({ name }: { name: string }) => name),
    ['signed.example.'],
  )
  t.equal((await daemon.call('GET', ZONES, { certificate: ops, token: 'wrong' })).status, 401)
})

t.test("browsers show certificates whoever's page asks: only our own may", async t => {
  const daemon = await open(t)
  const ops = await certified(daemon, 'anna.ops.a.example')
  const cases: [Record<string, string>, number][] = [
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'https://elsewhere.example' }, 403],
  ]
  for (const [headers, status] of cases)
    t.equal((await daemon.call('GET', ZONES, { certificate: ops, headers })).status, status, JSON.stringify(headers))
  t.match(
    await daemon.call('POST', '/api/v1/session', { certificate: ops, headers: { 'sec-fetch-site': 'same-origin' } }),
    { status: 422, body: { detail: /sessions are opened by tokens/ } },
  )
})

t.test('URIs by themselves or by what they are below', async t => {
  const { config } = load(`
listen: { https: ["127.0.0.1:443"] }
views: [{ name: inside }]
ca: { name: Test, url: "https://ca.example", issue: [] }
api: { certificates: [{ name: pods, uris: ["spiffe://prod/ns/dns/**", "spiffe://prod/one"], role: read, zones: ["**"] }] }
`)
  const named = (value: string) =>
    identityOf(
      { serial: '01', identifiers: [{ type: 'uri', value }], notBefore: 1, notAfter: 2 } as never,
      config!.api.certificates,
    )
  t.match(named('spiffe://prod/ns/dns/a'), { id: '01', kind: 'certificate', name: 'pods', roles: ['read'], expires: 2 })
  t.ok(named('spiffe://prod/one'))
  t.notOk(named('spiffe://prod/one/more'))
  t.notOk(named('spiffe://other/ns/dns/a'))
})

t.test('an identity must say whom it means, and there must be a CA', async t => {
  const one = (more: string) => `api: { certificates: [{ name: a, role: read, zones: ["**"]${more} }] }\n`
  const views = 'views: [{ name: inside }]\n'
  t.match(load(views + one('')).errors, [{ message: /give names or uris/ }])
  t.match(load(views + one(', names: ["a.example"]')).errors, [{ message: /there is no CA/ }])
})
