/**
 * What clients of the PowerDNS API send, request by request as their sources have it, and what they read of the answers: Terraform's provider
 * (pan-net/powerdns 1.5) and PowerDNS-Admin. Clients that can be had as packages are run themselves in test/interop/api-clients.test.ts.
 */
import t, { type Test } from 'tap'
import { type Running, startApi } from './running.ts'

const SERVER = '/api/v1/servers/localhost'

/** A request in its words, and what its client needs of the answer: the status, and these members. */
type Step = readonly [
  what: string,
  method: string,
  path: string,
  body: object | undefined,
  status: number,
  reads: object,
]

async function play(t: Test, api: Running, token: string, steps: readonly Step[]): Promise<void> {
  for (const [what, method, path, body, status, reads] of steps) {
    // Neither sends a body, nor its type, with GET; both send JSON with all else.
    const headers = method === 'GET' ? { accept: 'application/json' } : { 'content-type': 'application/json' }
    const answer = await api.call(method, path, { headers: { ...headers, 'x-api-key': token }, ...(body && { body }) })
    t.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`)
    if (status === 204) continue
    t.match(answer.body, reads, what)
    t.match(answer.headers['content-type'], /json/, what)
  }
}

const TERRAFORM_ZONE = `${SERVER}/zones/tf.example.`
const tfRecord = (content: string) => ({
  ...{ name: 'www.tf.example.', type: 'A', content, ttl: 300, disabled: false, 'set-ptr': false },
})
const tfChange = (changetype: string, ttl: number, contents: string[]) => ({
  rrsets: [
    {
      ...{ name: 'www.tf.example.', type: 'A', changetype, ttl },
      ...(contents.length > 0 && { records: contents.map(tfRecord) }),
    },
  ],
})

/** `terraform apply` of a zone and a record, `plan`, a change of both, `destroy`. */
const TERRAFORM: readonly Step[] = [
  ['which version of the API', 'GET', '/api/v1/servers', undefined, 200, [{ id: 'localhost' }]],
  ['which version of the server', 'GET', SERVER, undefined, 200, { version: String, zones_url: String }],
  ['whether the zone is there', 'GET', TERRAFORM_ZONE, undefined, 404, { error: /tf\.example/ }],
  [
    ...(['zone created', 'POST', `${SERVER}/zones`] as const),
    // A member of its own spelling, and those that it leaves at their zeros.
    {
      ...{ id: '', name: 'tf.example.', url: '', kind: 'Master', dnsssec: false, serial: 0, account: 'admin' },
      ...{ nameservers: ['ns1.tf.example.', 'ns2.tf.example.'], soa_edit_api: 'DEFAULT' },
    },
    ...([201, { id: 'tf.example.', name: 'tf.example.' }] as const),
  ],
  [
    'zone read',
    'GET',
    TERRAFORM_ZONE,
    undefined,
    200,
    { name: 'tf.example.', kind: 'Master', account: 'admin', soa_edit_api: 'DEFAULT' },
  ],
  ['record created', 'PATCH', TERRAFORM_ZONE, tfChange('REPLACE', 300, ['192.0.2.1', '192.0.2.2']), 204, {}],
  [
    ...(['records read', 'GET', TERRAFORM_ZONE, undefined, 200] as const),
    {
      rrsets: [
        {},
        {},
        { name: 'www.tf.example.', type: 'A', ttl: 300, records: [{ content: '192.0.2.1', disabled: false }, {}] },
      ],
    },
  ],
  [
    ...(['zone changed', 'PUT', TERRAFORM_ZONE] as const),
    { name: 'tf.example.', kind: 'Master', soa_edit_api: 'EPOCH', account: 'me' },
    ...([204, {}] as const),
  ],
  ['zone read again', 'GET', TERRAFORM_ZONE, undefined, 200, { account: 'me', soa_edit_api: 'EPOCH' }],
  ['record deleted', 'PATCH', TERRAFORM_ZONE, tfChange('DELETE', 0, []), 204, {}],
  ['zone deleted', 'DELETE', TERRAFORM_ZONE, undefined, 204, {}],
]

const ADMIN_ZONE = `${SERVER}/zones/pda.example`
const comment = { content: '', account: '' }
/** What its table of zones is made of. */
const LISTED = {
  ...{ name: 'pda.example.', kind: 'Native', masters: [], serial: Number, notified_serial: Number, last_check: Number },
  ...{ dnssec: false, account: '' },
}

/** A zone that is made, filled, looked for, assigned, signed and removed by hand. */
const POWERDNS_ADMIN: readonly Step[] = [
  [
    ...(['zone added', 'POST', `${SERVER}/zones`] as const),
    {
      ...{
        name: 'pda.example.',
        kind: 'Native',
        masters: [],
        nameservers: ['ns1.example.net.'],
        soa_edit_api: 'DEFAULT',
      },
      account: null,
    },
    ...([201, { name: 'pda.example.' }] as const),
  ],
  ['zone added twice', 'POST', `${SERVER}/zones`, { name: 'pda.example.', kind: 'Native' }, 409, { error: String }],
  [
    'zone, without its final dot',
    'GET',
    ADMIN_ZONE,
    undefined,
    200,
    { ...LISTED, rrsets: [{ comments: [] }, { comments: [] }] },
  ],
  [
    ...(['records applied', 'PATCH', ADMIN_ZONE] as const),
    {
      rrsets: [
        { name: 'old.pda.example.', type: 'A', changetype: 'DELETE' },
        {
          ...{ name: 'www.pda.example.', type: 'A', ttl: 60, changetype: 'REPLACE' },
          ...{ records: [{ content: '192.0.2.1', disabled: false }], comments: [] },
        },
        {
          ...{ name: 'pda.example.', type: 'MX', ttl: 60, changetype: 'REPLACE' },
          records: [{ content: '10 mail.pda.example.', disabled: false }],
          comments: [{ content: 'the office', account: '' }],
        },
      ],
    },
    ...([204, {}] as const),
  ],
  ['serial', 'GET', ADMIN_ZONE, undefined, 200, { serial: Number }],
  [
    ...(['record by DynDNS', 'PATCH', ADMIN_ZONE] as const),
    {
      rrsets: [
        {
          name: 'www.pda.example.',
          type: 'A',
          ttl: 60,
          changetype: 'REPLACE',
          records: [{ content: '192.0.2.2', disabled: false }],
        },
      ],
    },
    ...([204, {}] as const),
  ],
  [
    ...(['record by auto-PTR', 'PATCH', ADMIN_ZONE] as const),
    {
      rrsets: [
        {
          ...{ name: '2.pda.example.', type: 'PTR', ttl: 60, changetype: 'REPLACE' },
          ...{ records: [{ content: 'www.pda.example.', disabled: false }], comments: [comment] },
        },
      ],
    },
    ...([204, {}] as const),
  ],
  [
    ...(['record deleted', 'PATCH', ADMIN_ZONE] as const),
    { rrsets: [{ name: '2.pda.example.', type: 'PTR', changetype: 'DELETE', records: [] }] },
    ...([204, {}] as const),
  ],
  [
    ...(['a record that is refused is told in its words', 'PATCH', ADMIN_ZONE] as const),
    {
      rrsets: [
        {
          name: 'x.pda.example.',
          type: 'A',
          ttl: 60,
          changetype: 'REPLACE',
          records: [{ content: 'x', disabled: false }],
        },
      ],
    },
    ...([422, { error: /A "x"/ }] as const),
  ],
  [
    'search',
    'GET',
    `${SERVER}/search-data?object_type=all&q=www.pda*`,
    undefined,
    200,
    [{ object_type: 'record', name: 'www.pda.example.' }],
  ],
  ['kind changed', 'PUT', ADMIN_ZONE, { kind: 'Master', masters: [] }, 204, {}],
  ['SOA-EDIT-API changed', 'PUT', ADMIN_ZONE, { soa_edit_api: 'INCREASE', kind: 'Native' }, 204, {}],
  ['catalog left', 'PUT', ADMIN_ZONE, { catalog: '' }, 204, {}],
  ['account assigned', 'PUT', ADMIN_ZONE, { account: 'office' }, 204, {}],
  ['API-RECTIFY set', 'PUT', ADMIN_ZONE, { api_rectify: false }, 204, {}],
  ['keys', 'GET', `${ADMIN_ZONE}/cryptokeys`, undefined, 200, []],
  ['a key made', 'POST', `${ADMIN_ZONE}/cryptokeys`, { keytype: 'csk', active: true }, 422, { error: /"dnssec"/ }],
  ['accounts', 'GET', `${SERVER}/zones`, undefined, 200, { length: 4 }],
  [
    'statistics',
    'GET',
    `${SERVER}/statistics`,
    undefined,
    200,
    [{ name: String, type: 'StatisticItem', value: String }],
  ],
  ['settings', 'GET', `${SERVER}/config`, undefined, 200, [{ name: String, value: String }]],
  ['update from primary', 'PUT', `${ADMIN_ZONE}/axfr-retrieve`, undefined, 422, { error: /not a secondary/ }],
  ['zone deleted', 'DELETE', ADMIN_ZONE, undefined, 204, {}],
]

t.test('clients of the PowerDNS API get what they read', async t => {
  const api = await startApi(t)
  const token = await api.token({ roles: ['admin'] })
  await t.test("Terraform's provider", t => play(t, api, token, TERRAFORM))
  await t.test('PowerDNS-Admin', t => play(t, api, token, POWERDNS_ADMIN))
})
