import t from 'tap'
import { startApi } from './running.ts'

t.test("a zone's keys over HTTP", async t => {
  const api = await startApi(t)
  const [admin, writer, stranger] = await Promise.all([
    api.token({ roles: ['admin'], zones: ['signed.example'] }),
    api.token({ roles: ['write'] }),
    api.token({ roles: ['admin'], zones: ['a.example'] }),
  ])
  const path = '/api/v1/views/inside/zones/signed.example./dnssec'

  t.test('are told to whom the zone is for', async t => {
    const { status, body } = await api.call('GET', path, { token: admin })
    t.equal(status, 200)
    t.match(body, { proofs: 'nsec', keys: [{ role: 'csk', stage: String }], ds: [/ IN DS \d+ 13 2 /] })
    t.equal((await api.call('GET', path, { token: stranger })).status, 403)
    t.match((await api.call('GET', path.replace('signed', 'a'), { token: stranger })).body, {
      proofs: 'none',
      keys: [],
    })
  })

  t.test('are rolled by whoever is admin of the zone, in every view that has it', async t => {
    t.equal((await api.call('POST', `${path}/rollover`, { token: writer, body: {} })).status, 403)
    const narrow = await api.token({ roles: ['admin'], views: ['outside'] })
    t.equal((await api.call('POST', `${path}/rollover`, { token: narrow, body: {} })).status, 403)
    const { status, body } = await api.call('POST', `${path}/rollover`, { token: admin, body: {} })
    t.equal(status, 200)
    t.match(body, { zone: 'signed.example.', keys: [Number, Number] })
  })

  t.test('what can not be is said so', async t => {
    const seen = await api.call('POST', `${path}/ds-seen`, { token: admin })
    t.match(seen, { status: 409, body: { detail: String } })
    const none = await api.call('POST', path.replace('signed', 'fixed').concat('/ds-seen'), {
      token: await api.token({ roles: ['admin'] }),
    })
    t.match(none.body, { detail: 'no zone fixed.example. is signed here' })
    const wrong = await api.call('POST', `${path}/rollover`, { token: admin, body: { key: 'all' } })
    t.match(wrong, { status: 422, body: { pointer: '/key' } })
  })
})
