import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { createAccount, createCsr } from './client.ts'
import { createWorld } from './world.ts'

t.test('an order goes from newOrder to a certificate (RFC 8555 §7.4)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const created = await client.order(['www.example.test', '*.www.example.test'])
  t.equal(created.status, 201, created.text)
  t.equal(created.json.status, 'pending')
  t.equal(created.json.authorizations.length, 2)
  for (const url of created.json.authorizations) {
    const proved = await client.prove(url)
    t.equal(proved.status, 200)
    t.equal(proved.json.status, 'valid', proved.text)
    t.match(proved.headers['link'], [`<${url}>;rel="up"`])
  }
  const order = String(created.headers['location'])
  t.equal((await client.post(order, '')).json.status, 'ready')
  const { csr } = await createCsr(['www.example.test', '*.www.example.test'])
  const finalized = await client.post(created.json.finalize, { csr })
  t.equal(finalized.status, 200, finalized.text)
  t.equal(finalized.json.status, 'valid', finalized.text)
  t.equal(finalized.headers['location'], order, 'cert-manager needs the Location of a finalized order')
  const chain = await client.post(finalized.json.certificate, '')
  t.equal(chain.headers['content-type'], 'application/pem-certificate-chain')
  const leaf = new X509Certificate(chain.text)
  t.equal(leaf.subjectAltName, 'DNS:*.www.example.test, DNS:www.example.test')
})
