import t from 'tap'
import { startApi } from './running.ts'

const ZONE = '/api/v1/views/inside/zones/a.example.'
const change = (name: string, type: string, ...contents: string[]) => ({
  ...{ changetype: 'REPLACE', name, type, ttl: 60 },
  records: contents.map(content => ({ content })),
})

t.test('zones as people look at them and change them', async t => {
  const api = await startApi(t)
  const token = await api.token({ name: 'me', roles: ['admin'] })
  const writer = await api.token({ name: 'ci', zones: ['a.example'], views: ['inside'] })
  const get = async (path: string, who = token) => (await api.call('GET', path, { token: who })).body
  const edit = (body: object, who = token) => api.call('POST', `${ZONE}/edit`, { token: who, body })

  t.test('all views side by side, as far as the token goes', async t => {
    const zones = (who: string) =>
      get('/api/v1/zones', who).then(all => all.map((one: { view: string; zone: string }) => `${one.view} ${one.zone}`))
    t.strictSame(await zones(token), [
      'inside a.example.',
      'inside signed.example.',
      'inside fixed.example.',
      'outside a.example.',
    ])
    t.strictSame(await zones(writer), ['inside a.example.'])
    const [, signed, fixed] = await get('/api/v1/zones')
    t.match(signed, { kind: 'primary', signed: true, dynamic: true })
    t.match(fixed, { kind: 'primary', signed: false, dynamic: false, serial: 7 })
  })

  t.test('a page of RRsets at a time, searched in names, types and data', async t => {
    const first = await get(`${ZONE}/rrsets?limit=2`)
    t.match(first, { found: 5, editable: true, zone: 'a.example.' })
    t.strictSame([first.rrsets.length, (await get(`${ZONE}/rrsets?limit=2&after=4`)).rrsets.length], [2, 1])
    const names = async (query: string) =>
      (await get(`${ZONE}/rrsets?${query}`)).rrsets.map(
        ({ name, type }: { name: string; type: string }) => `${name} ${type}`,
      )
    t.strictSame(await names('search=192.0.2.3'), ['www.a.example. A'])
    t.strictSame(await names('search=TEXT'), ['text.a.example. TXT'])
    t.strictSame(await names('type=NS'), ['a.example. NS'])
    t.equal((await get('/api/v1/views/inside/zones/fixed.example./rrsets')).editable, false)
    t.equal((await api.call('GET', '/api/v1/views/outside/zones/a.example./rrsets', { token: writer })).status, 403)
  })

  t.test('a dry run says what would come of a change, and changes nothing', async t => {
    const body = { rrsets: [change('new.a.example.', 'A', '192.0.2.9')] }
    const tried = await edit({ ...body, dry_run: true })
    t.match(tried.body, { written: false })
    t.strictSame(tried.body.zones[0].added.at(-1), 'new.a.example. 60 IN A 192.0.2.9')
    t.equal((await get(`${ZONE}/rrsets?search=new`)).found, 0)
    t.equal((await edit(body)).body.written, true)
    const { rrsets } = await get(`${ZONE}/rrsets?search=new`)
    t.match(rrsets, [{ records: [{ content: '192.0.2.9', holder: 'token:me' }] }])
  })

  t.test('it refuses what the zone would refuse, in the same words', async t => {
    for (const refused of [
      change('www.b.example.', 'A', '192.0.2.1'),
      change('www.a.example.', 'A', '192.0.2.999'),
      change('www.a.example.', 'CNAME', 'ns.a.example.'),
      change('www.a.example.', 'A', '192.0.2.1', '192.0.2.1'),
      change('www.a.example.', 'MX', '10 mail'),
      change('www.a.example.', 'NOSUCH', 'x'),
      { ...change('www.a.example.', 'A', '192.0.2.1'), ttl: -1 },
      { changetype: 'DELETE', name: 'a.example.', type: 'NS' },
    ]) {
      const dry = await edit({ rrsets: [refused], dry_run: true })
      const patched = await api.call('PATCH', '/api/v1/servers/inside/zones/a.example.', {
        token,
        body: { rrsets: [refused] },
      })
      t.equal(dry.status, 422)
      t.strictSame([dry.body.detail, dry.body.pointer], [patched.body.detail, patched.body.pointer], dry.body.detail)
    }
  })

  t.test('nobody overwrites what they have not seen', async t => {
    const seen = { name: 'www.a.example.', type: 'A', records: [{ content: '192.0.2.3' }, { content: '192.0.2.2' }] }
    t.equal((await edit({ rrsets: [change('www.a.example.', 'A', '192.0.2.4')], seen: [seen] })).status, 200)
    const late = await edit({ rrsets: [change('www.a.example.', 'A', '192.0.2.5')], seen: [seen] })
    t.equal(late.status, 409)
    t.match(late.body.detail, 'www.a.example. A was changed by somebody else')
    const gone = await edit({
      rrsets: [change('fresh.a.example.', 'A', '192.0.2.5')],
      seen: [{ ...seen, name: 'fresh.a.example.' }],
    })
    t.equal(gone.status, 409)
  })

  t.test('who may only look changes nothing, not even in a dry run', async t => {
    const reader = await api.token({ name: 'reader', roles: ['read'] })
    for (const dry of [true, false])
      t.equal((await edit({ rrsets: [change('x.a.example.', 'A', '192.0.2.1')], dry_run: dry }, reader)).status, 403)
    t.equal((await api.call('POST', `${ZONE}/revert`, { token: reader, body: { to: 7, dry_run: true } })).status, 403)
  })

  t.test('a revert can be looked at before it is done', async t => {
    const tried = await api.call('POST', `${ZONE}/revert`, { token, body: { to: 7, dry_run: true } })
    t.ok(tried.body.change.deleted.includes('www.a.example. 60 IN A 192.0.2.4'))
    t.ok(tried.body.change.added.includes('www.a.example. 300 IN A 192.0.2.2'))
    t.equal((await get(`${ZONE}/rrsets?search=192.0.2.4`)).found, 1, 'nothing was changed')
  })

  t.test('views are compared, of zones that the token is for', async t => {
    const { differences } = await get('/api/v1/diff?name=a.example.&views=inside,outside')
    t.ok(
      differences.some(
        ({ record, view }: { record: string; view: string }) => view === 'inside' && /^text/.test(record),
      ),
    )
    t.equal((await api.call('GET', '/api/v1/diff?name=a.example.&views=inside,outside', { token: writer })).status, 403)
    const other = await api.token({ zones: ['b.example'] })
    t.equal((await api.call('GET', '/api/v1/diff?name=a.example.&views=inside,outside', { token: other })).status, 403)
  })

  t.test('who may do what is for those who may know of everything', async t => {
    const [inside] = await get('/api/v1/views')
    t.match(inside, { name: 'inside', match: { clients: ['127.0.0.1'], keys: ['dhcp.'] }, recursion: [] })
    t.match(inside.zones[0], {
      zone: 'a.example.',
      update: [{ key: 'dhcp.', names: ['**'] }],
      transfer: [{ key: 'dhcp.' }],
    })
    t.match(await get('/api/v1/policies'), { issue: [], profiles: [{ name: 'default' }] })
    for (const path of [
      '/api/v1/views',
      '/api/v1/policies',
      '/api/v1/events',
      '/api/v1/ca/refusals',
      '/api/v1/timeline',
    ])
      t.equal((await api.call('GET', path, { token: writer })).status, 403, path)
  })

  t.test('a certificate with its chain, and what happened to it', async t => {
    const { serial } = await api.command('ca.issue', { names: ['www.a.example'] })
    const found = await get(`/api/v1/ca/certificates/${serial}`)
    t.match(found, {
      names: ['www.a.example'],
      status: 'valid',
      profile: 'default',
      key_type: 'ecdsa-p256',
      certificate: /BEGIN CERTIFICATE/,
    })
    t.equal(found.chain.length, 2)
    t.match(found.record, [{ kind: 'issued', by: 'break-glass' }])
    await api.command('ca.revoke', { serial, reason: 'superseded' })
    t.match((await get(`/api/v1/ca/certificates/${serial}`)).record, [{ kind: 'issued' }, { kind: 'revoked' }])
    t.equal((await api.call('GET', `/api/v1/ca/certificates/${serial}`, { token: writer })).status, 200)
    const other = await api.token({ zones: ['b.example'] })
    t.equal((await api.call('GET', `/api/v1/ca/certificates/${serial}`, { token: other })).status, 403)
    t.equal((await api.call('GET', '/api/v1/ca/certificates/00', { token })).status, 422)
    t.strictSame(await get('/api/v1/ca/orders'), [])
    t.strictSame(await get('/api/v1/ca/refusals'), [])
    const head = await get('/api/v1/ca/log/head')
    t.match(await get(`/api/v1/ca/log/inclusion/${serial}`), { index: Number, path: Array, root: head.root })
    t.equal((await api.call('GET', `/api/v1/ca/log/inclusion/${serial}`, { token: other })).status, 403)
    t.match(await get(`/api/v1/ca/log/consistency?from=${head.size}`), { first: head.size, root: head.root })
    t.equal((await api.call('GET', '/api/v1/ca/log/consistency?from=0', { token })).status, 422)
    t.ok(Array.isArray(await get('/api/v1/ca/expiring?days=2')))
    t.ok((await get('/api/v1/timeline')).some(({ kind }: { kind: string }) => kind === 'issued'))
  })
})
