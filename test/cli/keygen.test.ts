import { execFileSync } from 'node:child_process'
import t from 'tap'
import { put, scratch, type } from './session.ts'

t.test("a key in BIND's syntax", async t => {
  const { exit, out } = await type('/', ['keygen', 'ExternalDNS'])
  t.equal(exit, 0)
  t.match(out, /^key "externaldns" \{\n\talgorithm hmac-sha256;\n\tsecret "[A-Za-z0-9+/]{43}=";\n\};\n$/)
})

t.test('a secret is as long as the digest', async t => {
  const lengths = {
    'hmac-md5': 16,
    'hmac-sha1': 20,
    'hmac-sha224': 28,
    'hmac-sha256': 32,
    'hmac-sha384': 48,
    'hmac-sha512': 64,
  }
  for (const [algorithm, length] of Object.entries(lengths)) {
    const { out } = await type('/', ['keygen', 'a', '--algorithm', algorithm, '--json'])
    const key = JSON.parse(out)
    t.equal(key.algorithm, algorithm)
    t.equal(Buffer.from(key.secret, 'base64').length, length, algorithm)
  }
})

t.test('BIND and our own config take the file', async t => {
  const { out } = await type('/', ['keygen', 'k'])
  const cwd = scratch(t, { 'k.key': out })
  put(cwd, 'named.conf', `include "${cwd}/k.key";\n`)
  execFileSync('named-checkconf', [`${cwd}/named.conf`])
  put(cwd, 'namestead.yaml', 'listen: { metrics: ["127.0.0.1:0"] }\nkeys: [{ name: k, secret: { file: k.key } }]\n')
  t.equal((await type(cwd, ['check'])).exit, 0)
})

t.test('a name that is none', async t => {
  t.equal((await type('/', ['keygen', 'a..b'])).exit, 2)
})
