import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { caConfig, createWorld } from './world.ts'

const namesOf = (pems: readonly string[]) => pems.map(pem => /CN=(.*)/.exec(new X509Certificate(pem).subject)![1])

t.test('clients may show what any issuer of ours that is trusted has signed, from its first moment', async t => {
  const { ca } = await createWorld(t)
  t.same(namesOf(ca.clientIssuers()), ['Test Root CA', 'Test Intermediate CA 1'])
  const seen: number[] = []
  ca.onNewIssuer(() => seen.push(ca.clientIssuers().length))
  await ca.commands['ca.renew-intermediate']!({})
  t.same(seen, [3])
  await ca.commands['ca.renew-root']!({})
  t.same(seen, [3, 5])
})

t.test('not what staging has signed', async t => {
  const { ca } = await createWorld(t, { config: caConfig('  staging: true\n') })
  t.same(namesOf(ca.clientIssuers()), ['Test Root CA', 'Test Intermediate CA 1'])
})

t.test('a distrusted root is not among them', async t => {
  const { ca } = await createWorld(t)
  await ca.commands['ca.renew-root']!({ distrust: true })
  t.same(namesOf(ca.clientIssuers())[0], 'Test Root CA 2')
  t.notOk(namesOf(ca.clientIssuers()).includes('Test Root CA'))
})
