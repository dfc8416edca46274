import t from 'tap'
import { reviewAdmission } from '../../../ca/permission/admission.ts'
import { printName } from '../../../dns/name.ts'
import { caConfig, createWorld } from '../world.ts'

const { issue } = caConfig(
  '  issuers: { a: { issue: [{ names: ["**.apps.test"], writers: true, wildcards: true }, { names: ["vpn.test"], approval: true }, { addresses: [192.0.2.0/24], key: apps }] } }\n',
).issuers[0]!
const deps = {
  policy: () => ({ rules: issue!, mayWrite: (key: Uint8Array) => printName(key) === 'apps.' }),
  hierarchy: { permits: ({ value }: { value: string }) => !value.startsWith('outside.') },
}

function review(object: object | null, key = 'apps', operation = 'CREATE') {
  const body = Buffer.from(JSON.stringify({ request: { uid: 'u1', operation, object } }))
  return reviewAdmission(body, key, deps) as {
    response: { allowed: boolean; status?: { message: string }; warnings?: string[] }
  }
}

t.test('hosts are judged as an order of the key would be', async t => {
  const ingress = (...hosts: string[]) => ({
    kind: 'Ingress',
    spec: { rules: [{ host: hosts[0] }, {}], tls: [{ hosts: hosts.slice(1) }, {}] },
  })
  const rows: [string, object, string, RegExp | undefined][] = [
    ['an Ingress', ingress('a.apps.test', 'b.apps.test'), 'apps', undefined],
    ['an Ingress of another key', ingress('a.apps.test'), 'other', /a\.apps\.test: issue rule 1.*write it in DNS/],
    ['one bad host among good', ingress('a.apps.test', 'b.test'), 'apps', /^b\.test: no issue rule covers this name$/],
    ['a wildcard', ingress('*.apps.test'), 'apps', undefined],
    ['a Gateway', { kind: 'Gateway', spec: { listeners: [{ hostname: 'x.test' }, {}] } }, 'apps', /x\.test/],
    ['a Route', { kind: 'HTTPRoute', spec: { hostnames: ['x.test'] } }, 'apps', /x\.test/],
    [
      'a Certificate',
      {
        kind: 'Certificate',
        spec: { commonName: 'a.apps.test', dnsNames: ['b.apps.test'], ipAddresses: ['192.0.2.1'] },
      },
      'apps',
      undefined,
    ],
    [
      'a Certificate for a URI',
      { kind: 'Certificate', spec: { uris: ['spiffe://test/a'] } },
      'apps',
      /covers this URI/,
    ],
    ['no host at all', ingress('not a host'), 'apps', /can not be certified/],
    ['a name outside the name constraints', ingress('outside.apps.test'), 'apps', /name constraints/],
    ['an object without hosts', { kind: 'Service', spec: {} }, 'apps', undefined],
    ['an object without anything', { kind: 'Ingress' }, 'apps', undefined],
  ]
  for (const [name, object, key, fault] of rows) {
    const { response } = review(object, key)
    t.match(response, { uid: 'u1', allowed: fault === undefined }, name)
    if (fault) t.match(response.status!.message, fault, name)
  }
  t.equal(review(ingress('b.test'), 'apps', 'DELETE').response.allowed, true)
  t.equal(review(null).response.allowed, true)
  t.match(review(ingress('vpn.test')).response, { allowed: true, warnings: [/a person must approve/] })
  for (const body of ['', '{}', '{"request":{}}', 'null', '[]'])
    t.equal(reviewAdmission(Buffer.from(body), 'apps', deps), undefined, body)
})

t.test('it is answered over HTTPS where the config says so', async t => {
  const world = await createWorld(t, { config: caConfig('  admission: true\n') })
  const request = (payload: object) => world.https.inject({ method: 'POST', url: '/api/v1/ca/admission/apps', payload })
  const object = { kind: 'Ingress', spec: { rules: [{ host: 'www.example.test' }] } }
  const reply = await request({ request: { uid: 'u1', operation: 'CREATE', object } })
  t.match(reply.json(), { kind: 'AdmissionReview', response: { uid: 'u1', allowed: true } })
  t.equal((await request({})).statusCode, 404)
  const plain = await createWorld(t)
  t.equal((await plain.https.inject({ method: 'POST', url: '/api/v1/ca/admission/apps', payload: {} })).statusCode, 404)
})
