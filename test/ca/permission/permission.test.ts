import t from 'tap'
import { printName } from '../../../dns/name.ts'
import { type Client, createAccount, createClient, createCsr } from '../client.ts'
import { caConfig, createWorld, type World } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'

/** A config whose rules are these alone. */
function withRules(rules: string, more = '') {
  const config = caConfig(more)
  return { ...config, issue: caConfig(`  reserved: []\n`).issue.slice(0, 0).concat(rulesOf(rules)) }
}

function rulesOf(text: string) {
  return caConfig(`  issuers: { acme: { issue: [${text}] } }\n`).issuers[0]!.issue!
}

/** Orders and proves a name; the answer to finalize. */
async function finalized(client: Client, name: string) {
  const order = await client.order([name])
  if (order.status !== 201) return order
  for (const url of order.json.authorizations) await client.prove(url)
  const { csr } = await createCsr([name])
  return client.post(order.json.finalize, { csr })
}

const writers = {
  /** The key "apps" may write what is below apps, and nothing else. */
  mayWrite: (key: Uint8Array, name: Uint8Array) =>
    printName(key) === 'apps.' && printName(name).endsWith('.apps.example.test.'),
  /** All records were made by the key of that name. */
  by: (key: string | undefined) => async () => ({
    ...{ view: 'inside', zone: 'example.test.', serial: 7, at: '2026-01-01T00:00:00Z', source: '192.0.2.9' },
    ...(key !== undefined && { key }),
  }),
}

t.test('who may write a name in DNS may have a certificate for it, and nobody else', async t => {
  const rows: [string, string | undefined, string, string | undefined][] = [
    ['the writer', 'apps', 'www.apps.example.test', undefined],
    ['a key that may write only the challenge', 'certmanager', 'www.apps.example.test', 'rejectedIdentifier'],
    ['a record that no key made', undefined, 'www.apps.example.test', 'rejectedIdentifier'],
    ['the writer of other names', 'apps', 'www.example.test', 'rejectedIdentifier'],
  ]
  for (const [what, key, name, problem] of rows) {
    const config = withRules('{ names: ["**.example.test"], writers: true }')
    const dns = { mayWrite: writers.mayWrite, provenance: writers.by(key) }
    const world = await createWorld(t, { config, dns })
    const reply = await finalized(await createAccount(world), name)
    if (problem === undefined) t.equal(reply.json.status, 'valid', what)
    else {
      t.equal(reply.json.type, URN + problem, what)
      t.match(reply.json.subproblems[0], { identifier: { value: name }, detail: /rule 1.*write it in DNS/ })
    }
  }
})

t.test('an account that is bound to the writer by its key may prove control as it likes', async t => {
  const config = withRules(
    '{ names: ["**.example.test"], writers: true }',
    '  accounts: { external_binding: optional }\n',
  )
  const dns = { mayWrite: writers.mayWrite, provenance: writers.by('certmanager') }
  const world = await createWorld(t, { config, dns })
  const { kid, hmac_key } = (await world.ca.commands['ca.eab.create']!({ name: 'apps' })) as Record<string, string>
  const client = await createClient(world)
  await client.register({ externalAccountBinding: await client.bind(kid!, hmac_key!) })
  t.equal((await finalized(client, 'www.apps.example.test')).json.status, 'valid')
  t.equal((await finalized(client, 'www.example.test')).json.type, `${URN}rejectedIdentifier`)
})

t.test('a refusal names the rule, and is in the record', async t => {
  const config = withRules('{ names: ["a.example.test"] }, { names: ["**.example.test"], account: somebody }')
  const world = await createWorld(t, { config })
  const client = await createAccount(world)
  const reply = await client.order(['a.example.test', 'b.example.test', '*.a.example.test'])
  t.match(reply, { status: 400, json: { type: `${URN}rejectedIdentifier` } })
  t.match(
    reply.json.subproblems.map((each: { detail: string }) => each.detail),
    [/^issue rule 2, which covers this name, is for other accounts/, /^issue rules? .*wildcards$|^issue rule 2/],
  )
  const [entry] = await world.database.read({
    sql: "SELECT entry FROM ca_record WHERE kind = 'refused'",
    parameters: [],
  })
  t.match(JSON.parse(String(entry!['entry'])), { kind: 'refused', names: [{ value: 'b.example.test' }, {}] })
})

async function waiting(world: World) {
  return (await world.ca.commands['ca.approvals']!({})) as { id: string; name: string; because: string }[]
}

t.test('a reserved name, and one whose rule says so, waits for a person (ca approve)', async t => {
  const rules =
    '{ names: ["**.example.test"], wildcards: true, approval: true }, { names: ["free.example.test", "vpn.example.test"] }'
  const config = withRules(rules, '  reserved: ["vpn.**"]\n')
  const world = await createWorld(t, { config })
  const client = await createAccount(world)
  t.equal((await finalized(client, 'free.example.test')).json.status, 'valid', 'a rule without approval goes first')
  for (const name of ['vpn.example.test', '*.app.example.test']) {
    const asked = await client.order([name])
    t.match(asked.json, { type: `${URN}rejectedIdentifier`, subproblems: [{ detail: /a person must approve/ }] }, name)
    await client.order([name])
    const [request, ...others] = await waiting(world)
    t.strictSame(others, [], 'asked for once')
    t.match(asked.json.subproblems[0].detail, request!.id)
    t.equal(request!.name, name)
    await world.ca.commands['ca.approve']!({ id: request!.id })
    t.equal((await finalized(client, name)).json.status, 'valid', name)
    t.strictSame(await waiting(world), [])
  }
  const other = await createAccount(world)
  t.match((await other.order(['vpn.example.test'])).json, { type: `${URN}rejectedIdentifier` }, 'for one account alone')
  const [request] = await waiting(world)
  await world.ca.commands['ca.approve']!({ id: request!.id, deny: true })
  t.match((await other.order(['vpn.example.test'])).json.subproblems, [{ detail: /denied it/ }])
  await t.rejects(
    world.ca.commands['ca.approve']!({ id: request!.id }),
    { exit: 1 } as unknown as Error,
    'what is decided stays',
  )
  world.clock.jump(400 * 86_400_000)
  t.match(
    (await client.order(['vpn.example.test'])).json,
    { type: `${URN}rejectedIdentifier` },
    'it does not hold for ever',
  )
})

t.test('a profile says how many names of which kinds its certificates hold', async t => {
  const config = caConfig()
  const [first] = config.profiles
  const world = await createWorld(t, { config: { ...config, profiles: [{ ...first!, max_names: 2 }] } })
  const client = await createAccount(world)
  const names = ['a.example.test', 'b.example.test', 'c.example.test']
  t.match((await client.order(names)).json, { type: `${URN}malformed`, detail: /2 identifiers at most/ })
  t.equal((await client.order(names.slice(1))).status, 201)
})
