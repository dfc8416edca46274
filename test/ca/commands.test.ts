import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { pemOf } from '../../ca/x509/x509.ts'
import { createAccount, createCsr } from './client.ts'
import { createWorld } from './world.ts'

t.test('break-glass: a key with its certificate, and a CSR signed', async t => {
  const world = await createWorld(t)
  const { commands } = world.ca
  const issued = (await commands['ca.issue']!({
    names: ['www.example.test', '192.0.2.1'],
    profile: 'short',
  })) as Record<string, string>
  const leaf = new X509Certificate(issued['certificate']!)
  t.equal(leaf.subjectAltName, 'DNS:www.example.test, IP Address:192.0.2.1')
  t.match(issued['key'], /BEGIN PRIVATE KEY/)
  const { csr } = await createCsr(['x.example.test'])
  const pem = pemOf('CERTIFICATE REQUEST', Buffer.from(csr, 'base64url'))
  const signed = (await commands['ca.sign']!({ csr: pem })) as Record<string, string>
  t.equal(new X509Certificate(signed['certificate']!).subjectAltName, 'DNS:x.example.test')
})

t.test('revocation by serial, as people write it, or by certificate; the list says so', async t => {
  const world = await createWorld(t)
  const { commands } = world.ca
  const one = (await commands['ca.issue']!({ names: ['a.example.test'] })) as Record<string, string>
  const two = (await commands['ca.issue']!({ names: ['b.example.test'] })) as Record<string, string>
  const serial = one['serial']!.toUpperCase().replace(/(..)(?!$)/g, '$1:')
  t.match(await commands['ca.revoke']!({ serial, reason: 'keyCompromise' }), {
    serial: one['serial'],
    reason: 'keyCompromise',
  })
  t.match(await commands['ca.revoke']!({ certificate: two['certificate'] }), {
    serial: two['serial'],
    reason: 'unspecified',
  })
  const listed = (await commands['ca.list']!({ all: true, name: 'a.example.test' })) as object[]
  t.match(listed, [{ names: ['a.example.test'], status: 'revoked', reason: 'keyCompromise' }])
  t.strictSame(await commands['ca.list']!({ name: 'example.test' }), [])
})

t.test('input that is wrong is exit 2, a state that is wrong exit 1, each with its sentence', async t => {
  const world = await createWorld(t)
  const { commands } = world.ca
  const { serial } = (await commands['ca.issue']!({ names: ['a.example.test'] })) as Record<string, string>
  await commands['ca.revoke']!({ serial })
  const rows: [string, Record<string, unknown>, number, RegExp][] = [
    ['ca.issue', {}, 2, /names/],
    ['ca.issue', { names: ['a b'] }, 2, /a b/],
    ['ca.issue', { names: ['a.example.test'], profile: 'none' }, 2, /no profile "none"/],
    ['ca.issue', { names: ['a.example.test'], issuer: 'none' }, 2, /no issuer "none"/],
    ['ca.sign', {}, 2, /CERTIFICATE REQUEST/],
    ['ca.sign', { csr: pemOf('CERTIFICATE REQUEST', Buffer.from('x')) }, 2, /CSR/],
    ['ca.revoke', { serial: 'xyz' }, 2, /serial/],
    ['ca.revoke', { serial: '01' }, 1, /no certificate of ours/],
    ['ca.revoke', { serial }, 1, /revoked already/],
    ['ca.revoke', { serial, reason: 'boredom' }, 2, /boredom/],
    ['ca.eab.create', {}, 2, /name/],
    ['ca.eab.revoke', { kid: 'x' }, 1, /x/],
  ]
  for (const [name, args, exit, message] of rows)
    await t.rejects(commands[name]!(args), { exit, message } as unknown as Error, `${name} ${JSON.stringify(args)}`)
})

t.test('what there is to see', async t => {
  const world = await createWorld(t)
  await (await createAccount(world)).certificate(['www.example.test'])
  const { commands, rootFingerprint } = world.ca
  const shown = (await commands['ca.show']!({})) as { root: { sha256: string } }
  t.match(shown, { name: 'Test', directory: 'https://ca.example.test/acme/directory', profiles: ['default', 'short'] })
  t.equal(shown.root.sha256.replaceAll(':', '').toLowerCase(), rootFingerprint)
  t.match(await commands['ca.roots']!({}), [{ sha256: shown.root.sha256, certificate: /BEGIN CERTIFICATE/ }])
  const before = (await commands['ca.list']!({ name: 'www' })) as { account: string }[]
  t.match(before, [{ names: ['www.example.test'], status: 'valid', account: /./ }])
  t.match(await commands['ca.renew-intermediate']!({}), { subject: /Intermediate CA 2/ })
})

t.test('the ends of former roots and cross certificates are told beside those of what signs', async t => {
  const world = await createWorld(t)
  const roles = () => world.ca.authorities().map(({ role, subject }) => `${role}: ${subject}`)
  t.strictSame(roles(), ['root: Test Root CA', 'intermediate: Test Intermediate CA 1'])
  await world.ca.commands['ca.renew-root']!({})
  t.strictSame(roles(), [
    'root: Test Root CA 2',
    'intermediate: Test Intermediate CA 2',
    'former root: Test Root CA',
    'cross certificate: Test Root CA 2',
  ])
  const [root, , former, cross] = world.ca.authorities()
  t.ok(cross!.notAfter <= Math.min(root!.notAfter, former!.notAfter))
})
