import t from 'tap'
import { createAccount } from '../client.ts'
import { createWorld } from '../world.ts'

interface Revoked {
  names: string[]
  status: string
}

t.test(
  'all that stand with a name, an account, a key or a profile are revoked at once (ca revoke --where)',
  async t => {
    const world = await createWorld(t)
    const [one, other] = [await createAccount(world), await createAccount(world)]
    await one.certificate(['a.example.test'])
    await one.certificate(['*.b.example.test', 'b.example.test'], { profile: 'short' })
    await other.certificate(['c.b.example.test'])
    const account = one.kid!.split('/').at(-1)
    const run = (where: object, more: object = {}) =>
      world.ca.commands['ca.revoke.where']!({ where, ...more }) as Promise<Revoked[]>
    const names = async (where: object) =>
      (await run(where, { dry_run: true })).map(({ names }) => names.join(' ')).sort()
    t.strictSame(await names({ account }), ['*.b.example.test b.example.test', 'a.example.test'])
    t.strictSame(await names({ account, profile: 'short' }), ['*.b.example.test b.example.test'])
    t.strictSame(await names({ name: 'b.example.test' }), ['*.b.example.test b.example.test'])
    t.strictSame(await names({ name: '*.b.example.test' }), ['*.b.example.test b.example.test'])
    t.strictSame(await names({ name: '**.b.example.test' }), ['*.b.example.test b.example.test', 'c.b.example.test'])
    t.strictSame(await names({ name: 'x.example.test' }), [])
    await t.rejects(run({}), { exit: 2 } as unknown as Error, 'nothing is not everything')
    await t.rejects(run({ serial: '1' }), { exit: 2 } as unknown as Error)
    t.equal((await run({ account }, { reason: 'keyCompromise' })).length, 2)
    t.strictSame(await names({ account }), [], 'what is revoked does not stand')
    t.strictSame(await names({ name: '**' }), ['c.b.example.test'])
  },
)
