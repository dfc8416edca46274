import t from 'tap'
import { createAccount } from './client.ts'
import { caConfig, createWorld, type World } from './world.ts'

const DAY = 86_400_000

/** How many rows there are of what an order leaves; certificates and lines of the record are those of clients alone. */
async function leftOf(world: World): Promise<Record<string, number>> {
  const tables = {
    orders: 'acme_orders',
    authorizations: 'acme_authorizations',
    challenges: 'acme_challenges',
    links: 'acme_order_authorizations',
    serials: 'ca_serials WHERE order_id IS NOT NULL',
    certificates: 'ca_certificates WHERE order_id IS NOT NULL',
    lines: 'ca_record WHERE entry LIKE \'%"profile":"short"%\'',
  }
  const counts = Object.entries(tables).map(async ([name, from]) => {
    const [row] = await world.database.read({ sql: `SELECT count(*) AS n FROM ${from}`, parameters: [] })
    return [name, Number(row!['n'])] as const
  })
  return Object.fromEntries(await Promise.all(counts))
}

t.test(
  'of orders that are over their lines in the record are kept, and in time no more than the hashes of these',
  async t => {
    const world = await createWorld(t, { config: caConfig('  keep: { certificates: 1d, record: 6d }\n') })
    const client = await createAccount(world)
    for (let i = 0; i < 5; i++) await client.certificate([`n${i}.example.test`], { profile: 'short' })
    await client.order(['never.example.test'])
    t.match(await leftOf(world), { orders: 6, authorizations: 6, links: 6, serials: 5, certificates: 5, lines: 5 })
    await world.clock.advance(4 * DAY)
    const nothing = { orders: 0, authorizations: 0, challenges: 0, links: 0, serials: 0, certificates: 0 }
    t.strictSame(await leftOf(world), { ...nothing, lines: 5 }, 'after days')
    await world.clock.advance(3 * DAY)
    t.strictSame(await leftOf(world), { ...nothing, lines: 0 }, 'after as long as the record is kept')
    await t.resolves(world.ca.commands['ca.log.verify']!({}))
  },
)
