import t from 'tap'
import { type Answer, startApi } from './running.ts'

const ZONES = '/api/v1/servers/localhost/zones'
const A = `${ZONES}/a.example.`
const change = (changetype: string, name: string, type: string, ...contents: string[]) => ({
  ...{ changetype, name, type, ttl: 60 },
  records: contents.map(content => ({ content, disabled: false })),
})
const contents = ({ body }: Answer, name: string) =>
  body.rrsets
    .filter((rrset: { name: string }) => rrset.name === name)
    .flatMap((rrset: { records: { content: string }[] }) => rrset.records.map(({ content }) => content))

t.test('the HTTP API', async t => {
  const api = await startApi(t)
  const admin = await api.token({ name: 'root', roles: ['admin'] })
  const writer = await api.token({ name: 'ci', zones: ['a.example'] })

  t.test('nobody gets in without a token, by whichever way it is given', async t => {
    t.equal((await api.call('GET', ZONES)).status, 401)
    const basic = Buffer.from(`anybody:${writer}`).toString('base64')
    for (const headers of [
      { 'x-api-key': writer },
      { authorization: `Bearer ${writer}` },
      { authorization: `Basic ${basic}` },
    ])
      t.equal((await api.call('GET', ZONES, { headers: headers as Record<string, string> })).status, 200)
    const wrong = await api.call('GET', ZONES, { token: `${writer.slice(0, -2)}xx` })
    t.equal(wrong.status, 401)
    t.match(wrong.headers['www-authenticate'], /Bearer.*Basic/)
    t.match(
      api.lines.find(({ msg }) => msg === 'wrong API token'),
      { level: 'warn', from: '127.0.0.1', path: ZONES },
    )
    t.notMatch(JSON.stringify(api.lines), writer.slice(20))
  })

  t.test('each view is a server, and localhost all of them', async t => {
    const { body } = await api.call('GET', '/api/v1/servers', { token: admin })
    t.strictSame(
      body.map(({ id }: { id: string }) => id),
      ['localhost', 'inside', 'outside'],
    )
    const names = async (server: string) =>
      (await api.call('GET', `/api/v1/servers/${server}/zones`, { token: admin })).body.map(
        ({ name, serial }: { name: string; serial: number }) => `${name} ${serial > 0}`,
      )
    t.strictSame(await names('outside'), ['a.example. true'])
    t.strictSame((await names('localhost')).length, 3, 'a name that several views have is there once')
    t.equal((await api.call('GET', '/api/v1/servers/elsewhere', { token: admin })).status, 404)
  })

  t.test('a zone is shown as PowerDNS shows it', async t => {
    const zone = await api.call('GET', A, { token: writer })
    t.match(zone.body, { id: 'a.example.', kind: 'Native', serial: 7, url: A, dnssec: false })
    t.strictSame(contents(zone, 'text.a.example.'), ['"one; two" "three"'])
    const one = await api.call('GET', `${A}?rrset_name=www.a.example&rrset_type=A`, { token: writer })
    t.equal(one.body.rrsets.length, 1)
    t.equal((await api.call('GET', `${A}?rrsets=false`, { token: writer })).body.rrsets, undefined)
    t.match(
      (await api.call('GET', `${A}/export`, { token: writer })).body,
      /ORIGIN a\.example\.\n(.*\n)*www\t300\tIN\tA\t192\.0\.2\.2/,
    )
    const { body } = await api.call('GET', `${ZONES}/signed.example`, { token: admin })
    t.equal(body.dnssec, true)
    t.strictSame(
      body.rrsets.map(({ type }: { type: string }) => type).sort(),
      ['NS', 'SOA'],
      'what signing makes is not',
    )
  })

  t.test('RRsets are changed all or none, and history names who did', async t => {
    const rrsets = [
      change('REPLACE', 'new.a.example.', 'A', '192.0.2.9'),
      change('DELETE', 'www.a.example.', 'A'),
      change('EXTEND', 'text.a.example.', 'TXT', '"more"'),
      {
        ...change('REPLACE', 'mail.a.example.', 'MX', '10 mx.a.example.'),
        comments: [{ content: 'by hand', account: 'me' }],
      },
    ]
    t.equal((await api.call('PATCH', A, { token: writer, body: { rrsets } })).status, 204)
    const zone = await api.call('GET', A, { token: writer })
    t.strictSame(contents(zone, 'new.a.example.'), ['192.0.2.9'])
    t.strictSame(contents(zone, 'www.a.example.'), [])
    t.strictSame(contents(zone, 'text.a.example.'), ['"one; two" "three"', '"more"'])
    t.match(zone.body.rrsets.find(({ type }: { type: string }) => type === 'MX').comments, [
      { content: 'by hand', account: 'me', modified_at: Number },
    ])
    const [last] = await api.command('zone.history', { zone: 'a.example', view: 'inside' })
    t.match(last, { key: 'token:ci', source: 'api 127.0.0.1', serial: 8 })
    t.match(await api.command('explain', { name: 'new.a.example', type: 'A', from: '127.0.0.1' }), {
      owner: 'token:ci',
    })
    t.match(
      api.lines.find(({ msg, method }) => msg === 'API call' && method === 'PATCH'),
      { token: 'ci', status: 204, path: A },
    )
  })

  t.test('what is refused names the field, in the words of a problem and of PowerDNS', async t => {
    const before = (await api.call('GET', A, { token: writer })).body.serial
    const good = change('REPLACE', 'b.a.example.', 'A', '192.0.2.9')
    const rows: [string, unknown, number, string | undefined, RegExp][] = [
      [
        'an address that is none',
        [good, change('REPLACE', 'x.a.example.', 'A', '192.0.2.999')],
        422,
        '/rrsets/1/records/0/content',
        /192\.0\.2\.999/,
      ],
      ['a name outside', [good, change('REPLACE', 'x.b.example.', 'A', '192.0.2.9')], 422, '/rrsets/1', /outside/],
      ['a CNAME beside others', [good, change('REPLACE', 'ns.a.example.', 'CNAME', 'x.')], 422, '/rrsets/1', /CNAME/],
      ['the last NS', [good, change('DELETE', 'a.example.', 'NS')], 422, '/rrsets/1', /NS/],
      ['a type that is none', [good, change('REPLACE', 'x.a.example.', 'NOPE', 'x')], 422, '/rrsets/1/type', /NOPE/],
      ["PowerDNS' own type", [change('REPLACE', 'a.example.', 'LUA', 'x.')], 422, '/rrsets/0/type', /LUA/],
      [
        'a target without final dot',
        [change('REPLACE', 'x.a.example.', 'CNAME', 'x')],
        422,
        '/rrsets/0/records/0/content',
        /x/,
      ],
      ['the same RRset twice', [good, good], 422, '/rrsets/1', /twice/],
      [
        'a disabled record',
        [{ ...good, records: [{ content: '192.0.2.9', disabled: true }] }],
        422,
        '/rrsets/0/records/0/disabled',
        /disabled/,
      ],
      ['no TTL', [{ ...good, ttl: undefined }], 422, '/rrsets/0/ttl', /ttl/],
      ['a changetype that is none', [{ ...good, changetype: 'MERGE' }], 422, '/rrsets/0/changetype', /./],
      ['no name', [{ ...good, name: undefined }], 422, '/rrsets/0/name', /missing/],
    ]
    for (const [what, rrsets, status, pointer, why] of rows) {
      const { status: got, headers, body } = await api.call('PATCH', A, { token: writer, body: { rrsets } })
      t.match({ got, pointer: body.pointer, error: body.error }, { got: status, pointer, error: why }, what)
      t.equal(body.detail, body.error, what)
      t.match(headers['content-type'], /^application\/problem\+json/, what)
    }
    t.equal((await api.call('PATCH', A, { token: writer, body: '{' })).status, 400)
    t.equal((await api.call('PATCH', A, { token: writer, body: {} })).status, 422)
    t.equal((await api.call('GET', A, { token: writer })).body.serial, before, 'nothing changed')
  })

  t.test('a token does what it is for and no more', async t => {
    const reader = await api.token({ zones: ['a.example'], roles: ['read'], views: ['inside'] })
    const elsewhere = await api.token({ from: ['192.0.2.0/24'] })
    const rrsets = [change('REPLACE', 'x.a.example.', 'A', '192.0.2.9')]
    const rows: [string, string, string, string, number][] = [
      ['another zone', writer, 'GET', `${ZONES}/signed.example.`, 403],
      ['a zone that is not there', writer, 'GET', `${ZONES}/none.example.`, 403],
      ['a zone that is not there, for whom all are', admin, 'GET', `${ZONES}/none.example.`, 404],
      ['a role', reader, 'PATCH', A, 403],
      ['a view', reader, 'GET', '/api/v1/servers/outside/zones', 403],
      ['an address', elsewhere, 'GET', A, 403],
      ['the daemon', writer, 'GET', '/api/v1/status', 403],
      ['the tokens', writer, 'GET', '/api/v1/tokens', 403],
      ['settings', writer, 'GET', '/api/v1/servers/localhost/config', 403],
      ['names of others', writer, 'GET', '/api/v1/explain?name=signed.example', 403],
    ]
    for (const [what, token, method, path, status] of rows)
      t.equal(
        (await api.call(method, path, { token, ...(method === 'PATCH' && { body: { rrsets } }) })).status,
        status,
        what,
      )
    const names = (await api.call('GET', ZONES, { token: reader })).body.map(({ name }: { name: string }) => name)
    t.strictSame(names, ['a.example.'])
  })

  t.test('zones are made and removed; those of the configuration stay', async t => {
    const body = {
      ...{ name: 'made.example.', kind: 'master', nameservers: ['ns1.example.'], account: 'me' },
      rrsets: [{ name: 'www.made.example.', type: 'A', ttl: 60, records: [{ content: '192.0.2.9' }] }],
    }
    const made = await api.call('POST', ZONES, { token: admin, body })
    t.match({ status: made.status, ...made.body }, { status: 201, id: 'made.example.', account: 'me' })
    t.equal((await api.call('POST', ZONES, { token: admin, body })).status, 409)
    const zone = await api.call('GET', `${ZONES}/made.example.`, { token: admin })
    t.strictSame(contents(zone, 'www.made.example.'), ['192.0.2.9'])
    t.match(await api.command('explain', { name: 'www.made.example', type: 'A' }), { rcode: 'NOERROR', view: 'inside' })
    t.equal((await api.call('DELETE', `${ZONES}/made.example.`, { token: admin })).status, 204)
    t.equal((await api.call('GET', `${ZONES}/made.example.`, { token: admin })).status, 404)
    t.equal((await api.call('DELETE', A, { token: admin })).status, 422)
    const bad = { ...body, rrsets: [{ ...body.rrsets[0]!, name: 'www.other.example.' }] }
    t.equal((await api.call('POST', ZONES, { token: admin, body: bad })).status, 422)
    t.equal((await api.call('GET', `${ZONES}/made.example.`, { token: admin })).status, 404, 'none is left half made')
    const wrong = (zone: string) =>
      api.call('POST', ZONES, { token: admin, body: { name: 'text.example.', kind: 'Native', zone } })
    const including = await wrong(Array.from({ length: 12 }, (_, i) => `$INCLUDE ${i}\n`).join(''))
    t.match(including, { status: 422, body: { detail: /only a file can include others/ } })
    const odd = await wrong('odd\n'.repeat(100_000))
    t.match(odd, { status: 422, body: { detail: /a type is missing.*and more$/ } })
    t.equal(
      (await api.call('POST', ZONES, { token: admin, body: { name: 's.example.', kind: 'Slave' } })).body.pointer,
      '/masters',
    )
  })

  t.test('metadata, keys, search, statistics, settings', async t => {
    const meta = `${A}/metadata`
    t.equal((await api.call('PUT', `${meta}/X-Team`, { token: writer, body: { metadata: ['ops'] } })).status, 200)
    t.strictSame((await api.call('GET', `${meta}/X-Team`, { token: writer })).body.metadata, ['ops'])
    t.strictSame((await api.call('GET', `${meta}/TSIG-ALLOW-AXFR`, { token: writer })).body.metadata, ['dhcp.'])
    t.equal(
      (await api.call('PUT', `${meta}/ALLOW-AXFR-FROM`, { token: writer, body: { metadata: ['any'] } })).status,
      422,
    )
    t.equal((await api.call('DELETE', `${meta}/X-Team`, { token: writer })).status, 204)

    const keys = await api.call('GET', `${ZONES}/signed.example./cryptokeys`, { token: admin })
    t.match(keys.body, [{ keytype: 'csk', active: true, algorithm: 'ECDSAP256SHA256', ds: [/ 2 /, / 4 /] }])
    t.notMatch(JSON.stringify(keys.body), /PRIVATE/)
    t.equal(
      (await api.call('GET', `${ZONES}/signed.example./cryptokeys/${keys.body[0].id}`, { token: admin })).status,
      200,
    )
    t.equal((await api.call('POST', `${ZONES}/signed.example./cryptokeys`, { token: admin, body: {} })).status, 422)

    const found = async (q: string) =>
      (
        await api.call('GET', `/api/v1/servers/inside/search-data?q=${encodeURIComponent(q)}`, { token: admin })
      ).body.map(({ object_type, name }: { object_type: string; name: string }) => `${object_type} ${name}`)
    t.strictSame(await found('ns.a.example'), ['record a.example.', 'record ns.a.example.'].slice(1))
    t.strictSame(await found('*hand'), ['comment mail.a.example.'])
    t.ok((await found('a*e')).includes('zone a.example.'))
    t.strictSame(await found('192.0.2.?').then(all => all.length > 0), true)

    const statistics = await api.call('GET', '/api/v1/servers/localhost/statistics', { token: writer })
    t.match(statistics.body[0], { type: 'StatisticItem', name: /^namestead_/ })
    t.match((await api.call('GET', '/api/v1/servers/localhost/config', { token: admin })).body, [
      { name: 'api', value: 'yes' },
    ])
    t.equal(
      (await api.call('PUT', `${A}/notify`, { token: writer, headers: { 'content-type': 'application/json' } })).status,
      200,
    )
    t.equal((await api.call('PUT', `${A}/axfr-retrieve`, { token: writer })).status, 422)
  })

  t.test('our own resources', async t => {
    t.match((await api.call('GET', '/api/v1/explain?name=ns.a.example&from=127.0.0.1', { token: writer })).body, {
      view: 'inside',
    })
    const history = await api.call('GET', '/api/v1/views/inside/zones/a.example/history?limit=1', { token: writer })
    t.equal(history.body.length, 1)
    const reverted = await api.call('POST', '/api/v1/views/inside/zones/a.example/revert', {
      token: writer,
      body: { to: 7 },
    })
    t.match(reverted, { status: 200, body: { view: 'inside' } })
    t.match((await api.call('GET', '/api/v1/keys', { token: admin })).body, [
      {
        name: 'dhcp.',
        zones: [{ view: 'inside', zone: 'a.example.', for: ['update', 'transfer'] }],
        views: ['inside'],
      },
    ])
    t.match((await api.call('GET', '/api/v1/ca', { token: writer })).body, { name: 'Test' })
    t.strictSame((await api.call('GET', '/api/v1/ca/approvals', { token: admin })).body, [])
    t.equal((await api.call('GET', '/api/v1/ca/approvals', { token: writer })).status, 403)
    t.equal((await api.call('POST', '/api/v1/ca/approvals/x', { token: writer, body: {} })).status, 403)
    t.match((await api.call('POST', '/api/v1/ca/approvals/x', { token: admin, body: { deny: true } })).body, {
      detail: 'no request x waits for approval',
    })
    t.equal((await api.call('POST', '/api/v1/ca/bindings', { token: writer, body: { name: 'x' } })).status, 403)
    t.match((await api.call('GET', '/api/v1/status', { token: admin })).body, { ready: true })
  })

  t.test('explain tells of the views and zones alone that a token is for', async t => {
    const asked = '/api/v1/explain?name=www.a.example&from=192.0.2.1'
    const all = await api.call('GET', asked, { token: admin })
    t.match(all.body, { view: 'outside', elsewhere: [{ view: 'inside', answer: [/192\.0\.2\.\d/, /192/] }] })
    const outside = await api.token({ zones: ['a.example'], views: ['outside'] })
    const told = await api.call('GET', asked, { token: outside })
    t.match(told, { status: 200, body: { view: 'outside', elsewhere: [] } })
    t.notMatch(JSON.stringify(told.body), /inside|192\.0\.2\.[23]\b/)
    t.equal(
      (await api.call('GET', '/api/v1/explain?name=www.a.example&from=127.0.0.1', { token: outside })).status,
      403,
    )
  })

  t.test('tokens are made and revoked by whoever has one for everything', async t => {
    const made = await api.call('POST', '/api/v1/tokens', { token: admin, body: { name: 'tmp', zones: ['a.example'] } })
    t.equal((await api.call('GET', A, { token: made.body.token })).status, 200)
    const list = await api.call('GET', '/api/v1/tokens', { token: admin })
    t.notMatch(JSON.stringify(list.body), made.body.token)
    t.equal((await api.call('DELETE', '/api/v1/tokens/tmp', { token: admin })).status, 200)
    t.equal((await api.call('GET', A, { token: made.body.token })).status, 401)
  })

  t.test("ExternalDNS' webhook, one URL for each view", async t => {
    const type = 'application/external.dns.webhook+json;version=1'
    const inside = '/externaldns/inside'
    const filter = await api.call('GET', inside, { token: writer })
    t.equal(filter.headers['content-type'], type)
    t.strictSame(filter.body, { include: ['a.example'] })
    const post = (path: string, body: unknown) =>
      api.call('POST', `${inside}/${path}`, { token: writer, body, headers: { 'content-type': type } })
    const web = { dnsName: 'web.a.example', targets: ['192.0.2.9'], recordType: 'A', recordTTL: 0 }
    const registry = { dnsName: 'a-web.a.example', targets: ['"heritage=external-dns,owner=x"'], recordType: 'TXT' }
    t.strictSame((await post('adjustendpoints', [web])).body, [web])
    t.equal((await post('records', { create: [web, registry], updateOld: null })).status, 204)
    const records = async () => (await api.call('GET', `${inside}/records`, { token: writer })).body
    const get = async (name: string) => (await records()).find((one: { dnsName: string }) => one.dnsName === name)
    t.match(await get('web.a.example'), { targets: ['192.0.2.9'], recordTTL: 300 })
    t.match(await get('a-web.a.example'), { targets: ['"heritage=external-dns,owner=x"'] })
    const alias = { dnsName: 'web.a.example', targets: ['ns.a.example'], recordType: 'CNAME' }
    t.equal((await post('records', { updateOld: [web], updateNew: [alias] })).status, 204)
    t.match(await get('web.a.example'), { targets: ['ns.a.example'], recordType: 'CNAME' })
    t.equal((await post('records', { delete: [alias, registry] })).status, 204)
    t.equal(await get('web.a.example'), undefined)
    t.match(await post('records', { create: [{ ...web, dnsName: 'web.other.example' }] }), {
      status: 422,
      body: { pointer: '/create/0/dnsName' },
    })
    const outside = await api.call('GET', '/externaldns/outside/records', { token: writer })
    t.notMatch(JSON.stringify(outside.body), 'web.a.example')
  })

  t.test('every route is described', async t => {
    const { body } = await api.call('GET', '/api/openapi.json', { token: writer })
    t.match(body, {
      openapi: /^3\.1/,
      paths: { '/api/v1/servers/{server}/zones/{zone}': { patch: {}, get: {}, put: {}, delete: {} } },
    })
    for (const path of ['/externaldns/{view}/records', '/api/v1/ca/certificates', '/api/v1/explain', '/api/v1/tokens'])
      t.ok(body.paths[path], path)
    t.notOk(Object.keys(body.paths).some(path => path.startsWith('/acme')))
  })
})
