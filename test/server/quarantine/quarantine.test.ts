import t from 'tap'
import { parseName } from '../../../dns/name.ts'
import { printRecord } from '../../../dns/types.ts'
import { openQuarantine } from '../../../server/quarantine/quarantine.ts'
import { createQuarantineStore, QUARANTINE_MIGRATIONS } from '../../../server/quarantine/quarantine-store.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { startApi } from '../api/running.ts'

t.test('a name goes out of DNS, its certificates are revoked, and all comes back but those', async t => {
  const api = await startApi(t)
  const token = await api.token({ name: 'ci' })
  const patch = (name: string, content: string) =>
    api.call('PATCH', '/api/v1/servers/inside/zones/a.example.', {
      token,
      body: { rrsets: [{ name, type: 'A', ttl: 60, changetype: 'EXTEND', records: [{ content }] }] },
    })
  t.equal((await patch('app.a.example.', '192.0.2.7')).status, 204)
  t.equal((await patch('x.app.a.example.', '192.0.2.8')).status, 204)
  const issued = await api.command('ca.issue', { names: ['app.a.example'] })
  const other = await api.command('ca.issue', { names: ['www.a.example'] })
  const answer = async (name: string) =>
    (await api.command('explain', { name, type: 'A', from: '127.0.0.1' })).answer.length

  const done = await api.command('quarantine.set', { name: 'app.a.example', below: true, reason: 'taken over' })
  t.match(done, { name: 'app.a.example.', below: true, revoked: [issued.serial], left: [] })
  t.equal(done.records.length, 2)
  t.strictSame([await answer('app.a.example'), await answer('x.app.a.example')], [0, 0])
  t.match(
    await patch('app.a.example.', '192.0.2.9'),
    { status: 422, body: { error: /is reserved/ } },
    'nobody brings it back',
  )
  const update = { name: 'x.app.a.example', key: 'dhcp', updates: ['add x.app.a.example 60 A 192.0.2.1'] }
  t.match(await api.command('explain.update', update), { allowed: false, reason: /is reserved/ })
  const certificates = await api.command('ca.list', { all: true })
  const status = (serial: string) => certificates.find(one => one.serial === serial)?.status
  t.strictSame([status(issued.serial), status(other.serial)], ['revoked', 'valid'])
  t.match(await api.command('quarantine.list'), [{ reason: 'taken over', records: done.records }])
  await t.rejects(api.command('quarantine.set', { name: 'app.a.example' }), /in quarantine already/)
  t.match(
    api.lines.find(({ msg }) => msg === 'name put into quarantine'),
    { audit: true, records: 2, reason: 'taken over' },
  )

  t.match(await api.command('quarantine.undo', { name: 'app.a.example' }), { left: [] })
  t.strictSame([await answer('app.a.example'), await answer('x.app.a.example')], [1, 1])
  t.match(
    await api.command('explain', { name: 'app.a.example', type: 'A' }),
    { owner: 'token:ci' },
    'it is whose it was',
  )
  t.equal((await patch('app.a.example.', '192.0.2.9')).status, 204)
  t.strictSame(await api.command('quarantine.list'), [])
  await t.rejects(api.command('quarantine.undo', { name: 'app.a.example' }), /is not in quarantine/)
})

t.test('what stands in a file is named, and stays', async t => {
  const api = await startApi(t)
  const done = await api.command('quarantine.set', { name: 'www.fixed.example' })
  t.match(done, { records: [], left: [/fixed\.example\. of view inside is not changed here/] })
})

t.test('RFC 8659 §4.2: a name in quarantine has a CAA record that forbids every CA, also after a restart', async t => {
  const store = createQuarantineStore(openMemoryDatabase(QUARANTINE_MIGRATIONS))
  const row = { reason: '', at: 0, taken: [], revoked: [] }
  await store.put({ ...row, name: 'app.a.example.', below: false })
  await store.put({ ...row, name: 'b.example.', below: true })
  const quarantine = await openQuarantine(store)
  const forbidden = (name: string) => quarantine.caaFor(parseName(name)).map(printRecord)
  t.strictSame(forbidden('app.a.example'), ['app.a.example. 0 IN CAA 0 issue ";"'])
  t.strictSame(forbidden('x.app.a.example'), [])
  t.equal(forbidden('x.y.b.example').length, 1)
  t.equal(forbidden('a.example').length, 0)
})
