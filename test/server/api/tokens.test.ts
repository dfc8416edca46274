import t from 'tap'
import { addressBytes } from '../../../config/address.ts'
import { parseName } from '../../../dns/name.ts'
import { systemClock } from '../../../host/clock.ts'
import { systemRandom } from '../../../host/random.ts'
import { createTokenStore, TOKEN_MIGRATIONS } from '../../../server/api/token-store.ts'
import { allowsAddress, coversName, coversView, coversZone, hasRole, openTokens } from '../../../server/api/tokens.ts'
import { CommandError } from '../../../server/control/control.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'

const open = async (now = { at: 0 }) => {
  const database = openMemoryDatabase(TOKEN_MIGRATIONS)
  const clock = { ...systemClock, now: () => now.at }
  return { database, now, tokens: await openTokens(createTokenStore(database), clock, systemRandom), clock }
}

t.test('a token is found by its text alone, also after a restart, and is not on disk', async t => {
  const { tokens, database, clock } = await open()
  const { token, text } = await tokens.create({ name: 'ci', zones: ['a.example'], roles: ['read'] })
  t.equal(tokens.find(text)?.name, 'ci')
  const wrong = text.slice(0, -1) + (text.endsWith('A') ? 'E' : 'A')
  for (const other of [wrong, text.toUpperCase(), '', `${text} `, token.id]) t.equal(tokens.find(other), undefined)
  const again = await openTokens(createTokenStore(database), clock, systemRandom)
  t.equal(again.find(text)?.id, token.id)
  const rows = await database.read({ sql: 'SELECT * FROM api_tokens', parameters: [] })
  t.notMatch(JSON.stringify(rows), text.split('_')[2]!)
})

t.test('a revoked and an expired token hold no longer', async t => {
  const { tokens, now, database, clock } = await open()
  const one = await tokens.create({ name: 'one', zones: ['**'], roles: [] })
  const two = await tokens.create({ name: 'two', zones: ['**'], roles: [], validity: 1000 })
  now.at = 999
  t.ok(tokens.find(two.text))
  now.at = 1000
  t.notOk(tokens.find(two.text))
  await tokens.revoke('one')
  t.notOk(tokens.find(one.text))
  t.notOk((await openTokens(createTokenStore(database), clock, systemRandom)).find(one.text))
  await t.rejects(tokens.revoke('one'), CommandError)
})

t.test('roles include those before them; zones are apexes, names are below them', async t => {
  const { tokens } = await open()
  const { token } = await tokens.create({
    zones: ['a.example', '*.b.example', '**.c.example'],
    roles: ['write'],
    views: ['inside'],
    from: ['192.0.2.0/24'],
  })
  t.strictSame(
    (['read', 'write', 'admin'] as const).map(role => hasRole(token, role)),
    [true, true, false],
  )
  const zones = {
    'a.example': true,
    'x.a.example': false,
    'b.example': false,
    'x.b.example': true,
    'y.x.c.example': true,
  }
  for (const [zone, covered] of Object.entries(zones)) t.equal(coversZone(token, parseName(zone)), covered, zone)
  t.ok(coversName(token, parseName('*.y.x.a.example')))
  t.notOk(coversName(token, parseName('example')))
  t.ok(coversView(token, 'inside'))
  t.notOk(coversView(token, 'outside'))
  t.ok(allowsAddress(token, addressBytes('192.0.2.9')))
  t.notOk(allowsAddress(token, addressBytes('192.0.3.9')))
  t.notOk(allowsAddress(token, undefined))
})

t.test('what can not be is refused with what was expected', async t => {
  const { tokens } = await open()
  const wanted = { zones: ['a.example'], roles: ['read'] }
  await t.rejects(tokens.create({ ...wanted, zones: [] }), { message: /name the zones/ })
  await t.rejects(tokens.create({ ...wanted, zones: ['**.**.a'] }), { message: /not a name pattern/ })
  await t.rejects(tokens.create({ ...wanted, roles: ['root'] }), { message: /not a role: read, write, admin/ })
  await t.rejects(tokens.create({ ...wanted, from: ['everywhere'] }), { message: /not an address/ })
  await t.rejects(tokens.create({ ...wanted, name: 'a b' }), { message: /not a name for a token/ })
  await tokens.create({ ...wanted, name: 'ci' })
  await t.rejects(tokens.create({ ...wanted, name: 'ci' }), { message: /there is a token ci already/ })
})
