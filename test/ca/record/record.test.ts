import { createPublicKey, verify } from 'node:crypto'
import t from 'tap'
import { isConsistent, leafHash, rootFromPath } from '../../../ca/record/merkle.ts'
import { createCaStore } from '../../../ca/store/store.ts'
import { createAccount } from '../client.ts'
import { createWorld, type World } from '../world.ts'

const run = (world: World, command: string, args: object = {}) =>
  world.ca.commands[command]!(args as Record<string, unknown>) as Promise<Record<string, never>>

async function serialOf(world: World, name: string): Promise<string> {
  const [first] = (await run(world, 'ca.list', { name })) as unknown as { serial: string }[]
  return first!.serial
}

/** A world whose records were made by a key of ours. */
function open(t: Parameters<typeof createWorld>[0]) {
  const change = {
    view: 'inside',
    zone: 'example.test.',
    serial: 7,
    at: '2026-01-01T00:00:00Z',
    key: 'apps.',
    source: '192.0.2.9',
  }
  return createWorld(t, { dns: { provenance: async () => change } })
}

t.test('each certificate is in the record, with what proved control of its names', async t => {
  const world = await open(t)
  const client = await createAccount(world)
  const { order } = await client.certificate(['www.example.test'])
  const proof = await run(world, 'ca.log.prove', { serial: await serialOf(world, 'www.example.test') })
  const entry = JSON.parse(proof['entry']!)
  t.match(entry, {
    kind: 'issued',
    names: ['dns:www.example.test'],
    account: client.kid!.split('/').at(-1),
    order: String(order.headers['location']).split('/').at(-1),
    proofs: [{ identifier: 'dns:www.example.test', method: 'dns-01', change: { key: 'apps.', serial: 7 } }],
  })
  t.match(entry.proofs[0].record, /_acme-challenge\.www\.example\.test\. .*TXT/)
  const path = (proof['path'] as unknown as string[]).map(hash => Buffer.from(hash, 'hex'))
  const leaf = leafHash(Buffer.from(proof['entry']!))
  const root = rootFromPath(leaf, proof['index']!, proof['size']!, path)
  t.equal(Buffer.from(root!).toString('hex'), proof['root'], 'the proof leads to the root of the signed head')
})

t.test('a head is signed as RFC 9162 §4.10 has it', async t => {
  const world = await open(t)
  const head = await run(world, 'ca.log.head')
  const data = Buffer.alloc(16)
  data.writeBigUInt64BE(BigInt(head['timestamp']!), 0)
  data.writeBigUInt64BE(BigInt(head['size']!), 8)
  const signed = Buffer.concat([data, Buffer.of(32), Buffer.from(head['root']!, 'hex'), Buffer.of(0, 0)])
  t.ok(verify('sha256', signed, createPublicKey(head['public_key']!), Buffer.from(head['signature']!, 'base64')))
})

t.test('what was changed afterwards is found (ca log verify)', async t => {
  const rows: [string, string, RegExp][] = [
    [
      'an entry',
      "UPDATE ca_record SET entry = replace(entry, 'www', 'evil') WHERE kind = 'issued'",
      /entry \d+ is not the one/,
    ],
    ['an entry with its hash', "UPDATE ca_record SET entry = 'x', leaf = zeroblob(32) WHERE seq = 2", /entry 2 is not/],
    [
      'a hash',
      'UPDATE ca_record SET leaf = zeroblob(32), entry = NULL WHERE seq = 2',
      /the head of .* is not what its/,
    ],
    ['an entry that is gone', 'DELETE FROM ca_record WHERE seq = 2', /entries 2 to 2 are missing/],
    ['the last ones', 'DELETE FROM ca_record WHERE seq > 2', /has more than the 2/],
    ['a signature', 'UPDATE ca_tree_heads SET signature = zeroblob(70)', /not signed by our key/],
  ]
  for (const [what, sql, fault] of rows) {
    const world = await open(t)
    const client = await createAccount(world)
    await client.certificate(['www.example.test'])
    const head = await run(world, 'ca.log.head')
    t.match(await run(world, 'ca.log.verify', { head: `${head['size']}:${head['root']}` }), { forgotten: 0 })
    await world.database.commit([{ sql, parameters: [] }])
    await t.rejects(run(world, 'ca.log.verify'), { exit: 1, message: fault } as unknown as Error, what)
  }
})

t.test('a record that was made anew does not fit a head that was kept elsewhere', async t => {
  const world = await open(t)
  const { size } = await run(world, 'ca.log.head')
  const other = { head: `${size}:${'ab'.repeat(32)}` }
  await t.rejects(run(world, 'ca.log.verify', other), { message: /kept elsewhere/ } as unknown as Error)
  await t.rejects(run(world, 'ca.log.verify', { head: 'x' }), { exit: 2 } as unknown as Error)
})

t.test('the text of old entries may go, their place in the tree stays', async t => {
  const world = await open(t)
  const client = await createAccount(world)
  await client.certificate(['www.example.test'])
  await run(world, 'ca.log.head')
  await world.database.commit([{ sql: 'UPDATE ca_record SET entry = NULL', parameters: [] }])
  const verified = await run(world, 'ca.log.verify')
  t.equal(verified['forgotten'], verified['entries'])
})

t.test('proofs hold in a record of several tiles', async t => {
  const world = await open(t)
  const client = await createAccount(world)
  await client.certificate(['www.example.test'])
  const serial = await serialOf(world, 'www.example.test')
  for (let i = 0; i < 600; i++) await client.order([`x${i}.example.com`])
  const proof = await run(world, 'ca.log.prove', { serial })
  t.ok(proof['size']! > 600)
  const path = (proof['path'] as unknown as string[]).map(hash => Buffer.from(hash, 'hex'))
  const root = rootFromPath(leafHash(Buffer.from(proof['entry']!)), proof['index']!, proof['size']!, path)
  t.equal(Buffer.from(root!).toString('hex'), proof['root'])
  t.match(await run(world, 'ca.log.verify'), { forgotten: 0 })
})

t.test('rules are in the record, each change of them once', async t => {
  const world = await open(t)
  const policies = async () =>
    (await world.database.read({ sql: "SELECT entry FROM ca_record WHERE kind = 'policy'", parameters: [] })).length
  t.equal(await policies(), 1)
  await world.restart()
  t.equal(await policies(), 1)
})

t.test('what ends soon is listed, with its successor or why there is none', async t => {
  const world = await open(t)
  const client = await createAccount(world)
  await client.certificate(['a.example.test'], { profile: 'short' })
  await client.certificate(['b.example.test'], { profile: 'short' })
  await client.certificate(['c.example.test'])
  const list = async () => (await run(world, 'ca.expiring', { days: 3 })) as unknown as Record<string, unknown>[]
  t.strictSame(
    (await list()).map(({ names }) => names),
    [['a.example.test'], ['b.example.test']],
  )
  await world.clock.advance(3_600_000)
  await client.certificate(['a.example.test'])
  const order = await client.order(['b.example.test'])
  const [{ url }] = (await client.post(order.json.authorizations[0], '')).json.challenges
  world.zone.set('_acme-challenge.b.example.test', 'TXT', '"wrong"')
  await client.post(url, {})
  await world.clock.advance(60_000)
  t.match(await list(), [
    { names: ['a.example.test'], days: 0, replaced_by: /^[0-9a-f]{32}$/ },
    { names: ['b.example.test'], failure: { type: /incorrectResponse/, detail: /TXT records/ } },
  ])
  const counts = await world.ca.inventory.counts()
  t.strictSame(
    [...counts],
    [
      [30, 1],
      [14, 1],
      [7, 1],
      [3, 1],
      [0, 1],
    ],
  )
})

t.test('the record of now begins with that of any head before (ca log consistency), across tiles', async t => {
  const world = await open(t)
  const store = createCaStore(world.database)
  const heads: Record<string, never>[] = []
  const grow = async (to: number) => {
    const size = await store.recordSize()
    for (let at = size; at < to; at++) await store.append({ kind: 'call', at, path: `/${at}` })
    heads.push(await run(world, 'ca.log.head'))
  }
  for (const size of [10, 255, 256, 257, 300, 512, 700]) await grow(size)
  const now = heads.at(-1)!
  const tree = (head: Record<string, never>) => ({
    size: Number(head['size']),
    root: Buffer.from(head['root']!, 'hex'),
  })
  for (const head of heads) {
    const proof = await run(world, 'ca.log.consistency', { from: head['size'] })
    const path = (proof['consistency'] as unknown as string[]).map(hash => Buffer.from(hash, 'hex'))
    t.ok(isConsistent(tree(head), tree(now), path), String(head['size']))
    t.equal(proof['root'], now['root'])
  }
  const kept = `${heads[0]!['size']}:${heads[0]!['root']}`
  t.match(await run(world, 'ca.log.verify', { head: kept }), { first: 10, consistency: Array })
  await t.rejects(run(world, 'ca.log.consistency', { from: 701 }), { exit: 1 } as unknown as Error)
  for (const from of [0, -1, 1.5, 'x'])
    await t.rejects(run(world, 'ca.log.consistency', { from }), { exit: 2 } as unknown as Error)
})
