import t from 'tap'
import { Rcode } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import { createAccount } from './client.ts'
import { createWorld } from './world.ts'

const WWW = parseName('www.example.test')

t.test('a name that nobody asked for and no rule covers is nothing to tell of, and not looked up', async t => {
  const { ca, zone } = await createWorld(t)
  t.equal(await ca.affairs(parseName('www.elsewhere.test')), undefined)
  t.equal(await ca.affairs(parseName('_dmarc.example.test')), undefined, 'nor one that no certificate could hold')
  t.strictSame(zone.lookups, [])
})

t.test('certificates by name and by wildcard, newest first; nothing of other names', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  await client.certificate(['www.example.test'])
  await world.clock.advance(60_000)
  await client.certificate(['*.example.test'])
  await client.certificate(['other.example.test', 'xwww.example.test'])
  const told = await world.ca.affairs(WWW)
  t.match(
    told?.certificates.map(({ names, status, profile }) => [names, status, profile]),
    [
      [['*.example.test'], 'valid', 'default'],
      [['www.example.test'], 'valid', 'default'],
    ],
  )
  t.match(told?.orders, [{ status: 'valid', account: /./ }])
  t.strictSame(told?.rules, ['rule 1: any account (wildcards; profiles default, short)'])
  t.equal(told?.caa, 'allows us')
})

t.test('what a challenge would find now', async t => {
  const { ca, zone } = await createWorld(t)
  zone.set('_acme-challenge.www.example.test', 'TXT', '"token"')
  t.match(await ca.affairs(WWW), {
    challenge: { name: '_acme-challenge.www.example.test.', rcode: 'NOERROR', records: ['"token"'] },
  })
  zone.fail('_acme-challenge.www.example.test', Rcode.SERVFAIL)
  t.match(await ca.affairs(WWW), { challenge: { rcode: 'SERVFAIL', records: [] } })
})

t.test('CAA that forbids us says so', async t => {
  const { ca, zone } = await createWorld(t)
  zone.set('www.example.test', 'CAA', '0 issue "other.example"')
  t.match((await ca.affairs(WWW))?.caa, /other\.example|www\.example\.test/)
})

t.test('an order that failed tells its problem; one that was refused, why', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const order = await client.order(['www.example.test'])
  const authorization = await client.post(order.json.authorizations[0], '')
  const challenge = authorization.json.challenges.find(({ type }: { type: string }) => type === 'dns-01')
  await client.post(challenge.url, {})
  await world.clock.advance(120_000)
  const told = await world.ca.affairs(WWW)
  t.match(told?.orders, [{ status: 'invalid', problem: /^(dns|unauthorized|incorrectResponse): .*TXT/ }])

  await client.order(['WWW.elsewhere.test'])
  const refused = await world.ca.affairs(parseName('www.elsewhere.test'))
  t.match(refused, { refusals: [{ because: 'no issue rule covers this name' }], rules: [] })
})
