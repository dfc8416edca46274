import { once } from 'node:events'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import type { NameAffairs } from '../../../ca/affairs.ts'
import { loadConfig } from '../../../config/load.ts'
import { parseName } from '../../../dns/name.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld } from '../../../host/world.ts'
import { startDaemon } from '../../../server/daemon.ts'
import { CERTIFICATE_FINDINGS } from '../../../server/explain/certificate-findings.ts'
import type { Endpoint } from '../../../server/explain/endpoint.ts'
import type { Story } from '../../../server/explain/story.ts'
import { scratch, type } from '../../cli/session.ts'

const NOW = Date.parse('2026-06-01T00:00:00Z')

const newest = {
  serial: 'bb',
  names: ['www.a.example'],
  profile: 'default',
  not_before: '2026-05-01T00:00:00Z',
  not_after: '2026-08-01T00:00:00Z',
  status: 'valid',
}
const older = { ...newest, serial: 'aa', not_before: '2026-03-01T00:00:00Z', not_after: '2026-06-20T00:00:00Z' }
const affairs: NameAffairs = {
  certificates: [newest, older],
  orders: [{ id: '1', account: 'x', names: ['www.a.example'], status: 'valid', created: '2026-05-01T00:00:00Z' }],
  refusals: [],
  rules: ['rule 1: any account'],
  caa: 'allows us',
  challenge: { name: '_acme-challenge.www.a.example.', rcode: 'NXDOMAIN', records: [] },
}
const served: Endpoint = {
  address: '192.0.2.1',
  port: 443,
  serial: 'bb',
  names: ['www.a.example'],
  not_after: '2026-08-01T00:00:00Z',
}

const verdictOf = (affairs: NameAffairs, endpoints: Endpoint[]) => {
  const story = { now: NOW, certified: { name: parseName('www.a.example'), affairs, endpoints } } as unknown as Story
  for (const { id, says } of CERTIFICATE_FINDINGS) {
    const text = says(story)
    if (text !== undefined) return [id, text]
  }
  return ['fine', '']
}

t.test('what is wrong with a certificate is named', async t => {
  const cases: [what: string, affairs: Partial<NameAffairs>, endpoint: Partial<Endpoint>, id: string, words: RegExp][] =
    [
      ['all is well', {}, {}, 'fine', /^$/],
      ['a wildcard is as well', {}, { names: ['*.a.example'] }, 'fine', /^$/],
      [
        'expired at the host',
        {},
        { serial: 'aa', not_after: '2026-05-31T00:00:00Z' },
        'serves-expired',
        /^192\.0\.2\.1:443 serves a certificate that expired on 2026-05-31/,
      ],
      [
        'another host',
        {},
        { names: ['mail.a.example'] },
        'serves-another-name',
        /for mail\.a\.example, not for www\.a\.example/,
      ],
      ['two labels below a wildcard', {}, { names: ['*.example'] }, 'serves-another-name', /not for/],
      [
        'revoked',
        { certificates: [newest, { ...older, status: 'revoked' }] },
        { serial: 'aa' },
        'serves-revoked',
        /aa, which is revoked/,
      ],
      [
        'not reloaded',
        {},
        { serial: 'aa' },
        'serves-older',
        /still serves the certificate aa; we have issued bb since/,
      ],
      [
        'somebody else’s',
        {},
        { serial: 'cc' },
        'serves-not-ours',
        /cc, which is not of ours; the newest of ours is bb/,
      ],
      [
        'a failed order',
        { orders: [{ ...affairs.orders[0]!, status: 'invalid', problem: 'dns: there is no TXT record' }] },
        {},
        'order-failed',
        /failed, on 2026-05-01\S+: dns: there is no TXT record/,
      ],
      [
        'an order that waits',
        { orders: [{ ...affairs.orders[0]!, status: 'pending', problem: 'dns: not yet' }] },
        {},
        'order-failed',
        /waits since .*: dns: not yet/,
      ],
      [
        'a refusal',
        { refusals: [{ at: '2026-05-20T00:00:00Z', because: 'no issue rule covers this name' }] },
        {},
        'order-refused',
        /was refused on 2026-05-20\S+: no issue rule/,
      ],
      [
        'CAA',
        { caa: 'the CAA records of a.example. name other.example' },
        {},
        'caa-forbids',
        /will stop the next certificate/,
      ],
      [
        'expired, and nobody serves it',
        { certificates: [{ ...newest, status: 'expired', not_after: '2026-05-31T00:00:00Z' }] },
        { serial: undefined, names: undefined, not_after: undefined, problem: 'nobody listens' } as unknown as Endpoint,
        'certificate-expired',
        /bb expired on 2026-05-31/,
      ],
      [
        'about to end',
        { certificates: [{ ...newest, not_after: '2026-06-03T12:00:00Z' }] },
        {},
        'certificate-ends',
        /bb ends in 2 d, and nobody has renewed it/,
      ],
    ]
  for (const [what, affected, endpoint, id, words] of cases)
    t.match(verdictOf({ ...affairs, ...affected }, [{ ...served, ...endpoint }]), [id, words], what)
})

const CONFIG = `
name: ns.a.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"] }
views: [{ name: all, zones: [{ name: a.example, file: a.zone }] }]
ca: { name: Test, url: "https://localhost", issue: [{ names: ["**.a.example"] }], profiles: [{ name: default, validity: 30d }] }
`

/** A host that shows this certificate. */
async function serve(
  t: Test,
  key: string,
  cert: string,
): Promise<{ port: number; show(key: string, cert: string): void }> {
  const server = createServer({ key, cert }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  return { port, show: (key, cert) => server.setSecureContext({ key, cert }) }
}

t.test('what a host really shows is compared with what was issued', async t => {
  const zone = '$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 127.0.0.1\nwww A 127.0.0.1\n'
  const cwd = scratch(t, { 'namestead.yaml': CONFIG, 'a.zone': zone })
  const configFile = join(cwd, 'namestead.yaml')
  const { config } = loadConfig(configFile)
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(config!, owner, systemWorld, silentLog)
  t.teardown(() => daemon.stop())
  const issue = async (name: string) => {
    const { out } = await type(cwd, ['ca', 'issue', name, '--json'])
    return JSON.parse(out) as { serial: string; key: string; certificate: string }
  }
  const explain = async (port: number) => {
    const { out, err } = await type(cwd, ['explain', 'www.a.example', '--port', String(port), '--json'])
    t.equal(err, '')
    return JSON.parse(out)
  }
  const first = await issue('www.a.example')
  const host = await serve(t, first.key, first.certificate)
  const well = await explain(host.port)
  t.match(well.verdict, { finding: 'fine' })
  t.match(well.certificates.endpoints, [{ address: '127.0.0.1', port: host.port, names: ['www.a.example'] }])

  const second = await issue('www.a.example')
  t.match((await explain(host.port)).verdict, { finding: 'serves-older' })
  host.show(second.key, second.certificate)
  t.match((await explain(host.port)).verdict, { finding: 'fine' })
  const other = await issue('other.a.example')
  host.show(other.key, other.certificate)
  t.match((await explain(host.port)).verdict, { finding: 'serves-another-name' })
  const { out } = await type(cwd, ['explain', 'www.a.example', '--port', String(host.port)])
  t.match(out, /^├─ cert +\S+: valid, until .*$/m)
  t.match(out, /^├─ served +127\.0\.0\.1 port \d+: \S+, until .*$/m)
  t.match(out, /^├─ may +rule 1: any account$/m)
})
