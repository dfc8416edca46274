import t from 'tap'
import { derBlocks, fingerprint } from '../../ca/x509/x509.ts'
import { judge, leafOf } from './fixture.ts'
import { caConfig, createWorld } from './world.ts'

const HOST = 'www.example.test'

/** A CA with a staging issuer beside the first, a certificate of each, and a question about each. */
async function openIssued(t: Parameters<typeof createWorld>[0]) {
  const world = await createWorld(t, { config: caConfig('  staging: true\n') })
  const issue = async (issuer?: string) =>
    (await world.ca.commands['ca.issue']!({ names: [HOST], ...(issuer && { issuer }) })) as {
      certificate: string
      serial: string
    }
  const question = async (chain: string, ...args: string[]) => {
    const files = { int: chain.slice(leafOf(chain).length), leaf: leafOf(chain) }
    const command = `openssl ocsp ${args.join(' ')} -issuer int -cert leaf -reqout q && base64 -w0 q`
    return Buffer.from((await judge(files, 'sh', '-c', command)).output, 'base64')
  }
  const ask = async (payload: Uint8Array) =>
    world.http.inject({
      method: 'POST',
      url: '/ocsp',
      payload: Buffer.from(payload),
      headers: { 'content-type': 'application/ocsp-request' },
    })
  return { world, issue, question, ask }
}

const successful = (body: Uint8Array) => body[0] === 0x30 && Buffer.from(body).includes(Buffer.from('0a0100', 'hex'))

t.test('OCSP answers for every issuer, with a nonce and without', async t => {
  const { issue, question, ask } = await openIssued(t)
  for (const issuer of [undefined, 'staging'])
    for (const nonce of ['', '-no_nonce']) {
      const reply = await ask(await question((await issue(issuer)).certificate, nonce))
      t.equal(reply.statusCode, 200)
      t.equal(reply.headers['content-type'], 'application/ocsp-response')
      t.ok(successful(reply.rawPayload), `${issuer ?? 'the first issuer'} ${nonce}`)
      // RFC 5019 §6.2: what repeats a nonce is for one client alone.
      t.match(reply.headers['cache-control'], nonce ? /public/ : /no-store/)
    }
})

t.test('a GET asks, too (RFC 6960 appendix A.1)', async t => {
  const { issue, question, world } = await openIssued(t)
  const base64 = (await question((await issue()).certificate, '-no_nonce')).toString('base64')
  for (const path of [encodeURIComponent(base64), base64]) {
    const reply = await world.http.inject({ method: 'GET', url: `/ocsp/${path}` })
    t.ok(successful(reply.rawPayload), path)
  }
  const bad = await world.http.inject({ method: 'GET', url: '/ocsp/!!' })
  t.same([...bad.rawPayload], [0x30, 3, 0x0a, 1, 1], 'malformedRequest')
})

t.test('what a certificate points at is there, as DER (RFC 2585 §4)', async t => {
  const { issue, world } = await openIssued(t)
  for (const issuer of [undefined, 'staging']) {
    const { certificate } = await issue(issuer)
    const { output } = await judge({ leaf: leafOf(certificate) }, 'openssl', 'x509', '-in', 'leaf', '-noout', '-text')
    const [, authority, crl] = /CA Issuers - URI:http:\/\/[^/]+(\S+)[\s\S]+Full Name:\s+URI:http:\/\/[^/]+(\S+)/.exec(
      output,
    )!
    const issued = await world.http.inject(authority!)
    t.equal(issued.headers['content-type'], 'application/pkix-cert')
    t.equal(fingerprint(issued.rawPayload), fingerprint(derBlocks('CERTIFICATE', certificate)[1]!))
    const list = await world.http.inject(crl!)
    t.equal(list.headers['content-type'], 'application/pkix-crl')
    t.match(
      (await judge({ crl: list.rawPayload }, 'openssl', 'crl', '-inform', 'DER', '-in', 'crl', '-noout', '-text'))
        .output,
      /Version 2/,
    )
  }
  for (const url of ['/ca/00.crt', '/crl/00.crl', '/ca/root', '/crl/'])
    t.equal((await world.http.inject(url)).statusCode, 404, url)
})

t.test('a revocation is in the CRL as soon as it is answered', async t => {
  const { issue, world } = await openIssued(t)
  const { certificate, serial } = await issue()
  await world.ca.commands['ca.revoke']!({ serial, reason: 'superseded' })
  const { output } = await judge({ leaf: leafOf(certificate) }, 'openssl', 'x509', '-in', 'leaf', '-noout', '-text')
  const list = await world.http.inject(/Full Name:\s+URI:http:\/\/[^/]+(\S+)/.exec(output)![1]!)
  t.ok(list.rawPayload.includes(Buffer.from(serial.replace(/^(00)+/, ''), 'hex')))
})
