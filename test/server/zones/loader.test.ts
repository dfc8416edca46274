import t from 'tap'
import { parseName } from '../../../dns/name.ts'
import { tsigKey } from '../../../dns/tsig-record.ts'
import { loadInThread } from '../../../server/zones/loader.ts'
import { diffRecords } from '../../../zones/change.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { keyOf, serve } from '../serving.ts'

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')
const CONFIG = `
name: ns1.example
keys: [{ name: xfr, secret: ${SECRET.toString('base64')} }]
views:
  - name: all
    zones:
      - { name: a.example, file: a.zone, transfer: [{ key: xfr }] }
      - { name: broken.example, file: a.zone, transfer: [{ key: xfr }] }
`
const HOSTS = Array.from({ length: 3000 }, (_, i) => `h${i} A 10.0.${i >> 8}.${i & 255}`)
const ZONE = `$TTL 0\n@ SOA ns h 7 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n${HOSTS.join('\n')}\n`
const ZONES = { 'all a.example.': ZONE, 'all broken.example.': '$TTL 0\n@ SOA ns h 7 2 3 4 5\nns A 127.0.0.1\n' }

const key = tsigKey(parseName('xfr.'), 'hmac-sha256', [SECRET])
const ORIGIN = parseName('a.example.')

const LIMITS = { octets: 2 ** 28, records: undefined, idle: 30_000, time: 60_000 }

t.test('a zone is transferred in a thread of its own', async t => {
  const served = await serve({ config: CONFIG, zones: ZONES })
  t.teardown(() => served.stop())
  const { signal } = new AbortController()
  const remote = { address: served.dns, key }

  t.test('and is ours to change then', async t => {
    const version = await loadInThread(remote, ORIGIN, LIMITS, signal)
    const records = recordsOfVersion(version)
    t.same(records, recordsOfVersion(served.images.get(keyOf('all', ORIGIN))!.latest()))
    const [soa, ...rest] = records
    const next = version.image.apply(version, diffRecords(records, [soa!, ...rest.slice(0, 5)]))!
    t.equal(next.size(), 6)
    t.equal(version.size(), 3003, 'what was is as it was')
  })
  t.test('what the primary refuses is told', async t => {
    await t.rejects(loadInThread({ address: served.dns }, ORIGIN, LIMITS, signal), {
      code: 'remote',
      message: /REFUSED/,
    })
  })
  t.test('a zone that could not be served is refused', async t => {
    await t.rejects(loadInThread(remote, parseName('broken.example.'), LIMITS, signal), {
      code: 'zone',
      message: /no NS/,
    })
  })
  t.test('it can be given up', async t => {
    const abort = new AbortController()
    const loading = loadInThread(remote, ORIGIN, LIMITS, abort.signal)
    abort.abort()
    await t.rejects(loading, { code: 'remote', message: /given up/ })
  })
})
