import t, { type Test } from 'tap'
import { type Database, StorageError } from '../../host/database.ts'
import { type Client, createAccount, createCsr } from './client.ts'
import { createWorld, type World } from './world.ts'

/** A database whose commit of that number fails: before it is written, or after, with the answer lost. Counts from 1 once it is armed. */
function failingAt(number: number, when: 'before' | 'after') {
  const state = { armed: false, commits: 0, failed: false }
  const wrap = (database: Database): Database => ({
    read: statement => database.read(statement),
    close: () => database.close(),
    async commit(statements) {
      const isMeant = state.armed && ++state.commits === number
      if (isMeant) state.failed = true
      if (isMeant && when === 'before') throw new StorageError('the disk is full')
      const results = await database.commit(statements)
      if (isMeant) throw new StorageError('the answer was lost')
      return results
    },
  })
  return { state, wrap }
}

/** One order as far as it comes: a step that fails is taken once more, as clients do. */
async function order(world: World, client: Client): Promise<void> {
  const again = async <T extends { status: number }>(step: () => Promise<T>) => {
    const first = await step()
    return first.status < 500 ? first : step()
  }
  const created = await again(() => client.order(['www.example.test']))
  if (created.status !== 201) return
  await again(() => client.prove(created.json.authorizations[0]))
  const { csr } = await createCsr(['www.example.test'])
  const finalize = () => client.post(created.json.finalize, { csr })
  await again(finalize)
  await world.clock.advance(60_000)
  await again(finalize)
}

const count = async (world: World, sql: string) =>
  Number((await world.database.read({ sql: `SELECT count(*) AS n FROM ${sql}`, parameters: [] }))[0]!['n'])

/** What holds whatever failed. */
async function holds(t: Test, world: World, what: string) {
  t.equal(
    await count(world, 'ca_certificates GROUP BY serial HAVING count(*) > 1').catch(() => 0),
    0,
    `${what}: a serial twice`,
  )
  t.equal(
    await count(
      world,
      "ca_certificates c WHERE NOT EXISTS (SELECT 1 FROM ca_record r WHERE r.serial = c.serial AND r.kind = 'issued')",
    ),
    0,
    `${what}: a certificate that is not in the record`,
  )
  t.equal(
    await count(
      world,
      "ca_record r WHERE kind = 'issued' AND NOT EXISTS (SELECT 1 FROM ca_certificates c WHERE c.serial = r.serial)",
    ),
    0,
    `${what}: a line of the record without its certificate`,
  )
  t.equal(await count(world, "acme_orders WHERE status = 'processing'"), 0, `${what}: an order that never ends`)
  const issued = await count(world, 'ca_certificates WHERE order_id IS NOT NULL')
  const valid = await count(world, "acme_orders WHERE status = 'valid'")
  t.equal(issued, valid, `${what}: as many certificates as orders that were fulfilled`)
  t.ok(issued <= 1, `${what}: one certificate for one finalize`)
  return issued
}

t.test('a fault before or after any write of an order leaves nothing torn, with and without a restart', async t => {
  let writes = 0
  for (const when of ['before', 'after'] as const)
    for (const restarts of [false, true])
      for (let number = 1; ; number++) {
        const { state, wrap } = failingAt(number, when)
        const world = await createWorld(t, { wrap })
        const client = await createAccount(world)
        state.armed = true
        await order(world, client)
        state.armed = false
        if (restarts) {
          await world.restart()
          await world.clock.advance(600_000)
        }
        await world.clock.advance(600_000)
        await holds(t, world, `write ${number}, ${when}${restarts ? ', restarted' : ''}`)
        await t.resolves(world.ca.commands['ca.log.verify']!({}))
        world.ca.close()
        if (!state.failed) break
        writes = Math.max(writes, number)
      }
  t.ok(writes >= 4, `${writes} writes were tried`)
})

t.test('two finalizes at the same moment give one certificate', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const created = await client.order(['www.example.test'])
  await client.prove(created.json.authorizations[0])
  const csrs = await Promise.all(Array.from({ length: 8 }, () => createCsr(['www.example.test'])))
  const replies = await Promise.all(csrs.map(({ csr }) => client.post(created.json.finalize, { csr })))
  for (const { status } of replies) t.equal(status, 200)
  t.equal(await holds(t, world, 'eight finalizes'), 1)
})
