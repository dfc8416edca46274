import { join } from 'node:path'
import t from 'tap'
import { printBanner, writeDemo } from '../../cli/start.ts'
import { loadConfig } from '../../config/load.ts'
import { scratch, type } from './session.ts'

t.test('the demo passes check, on loopback alone, in two views', async t => {
  const cwd = scratch(t, {})
  writeDemo(join(cwd, 'data'))
  const { exit, out } = await type(cwd, ['check'])
  t.equal(exit, 0)
  t.equal(out, `${cwd}/data/namestead.yaml: ok\n`, 'found without --config, in the last of the usual places')
  const { config } = loadConfig(join(cwd, 'data/namestead.yaml'))
  t.strictSame(
    config!.views.map(view => view.name),
    ['inside', 'outside'],
  )
  const addresses = Object.values(config!.listen).flat()
  t.ok(addresses.every(({ address, port }) => address === '127.0.0.1' && port >= 1024))
  t.equal(config!.data_dir, join(cwd, 'data/state'))
})

t.test('the banner', async t => {
  const status = {
    version: '1.2.3',
    pid: 1,
    started: '',
    ready: true,
    config: '',
    listen: { dns: ['127.0.0.1:5300'], dot: ['127.0.0.1:8530'], metrics: ['127.0.0.1:9153'] },
    workers: 1,
    zones: 2,
    ca: { directory: 'https://localhost:8443/acme/directory', root_sha256: 'AA:BB' },
  }
  t.equal(
    printBanner(status, 'data'),
    String.raw`
  namestead 1.2.3 is ready; config in data/namestead.yaml, Ctrl-C stops it

    DNS      127.0.0.1:5300 (UDP and TCP), 127.0.0.1:8530 (TLS)
    ACME     https://localhost:8443/acme/directory
    metrics  127.0.0.1:9153
    root     SHA-256 AA:BB

  Ask it, change it, get a certificate from it:

    dig @127.0.0.1 -p 5300 www.internal.example.com
    printf 'server 127.0.0.1 5300\nzone internal.example.com\nupdate add hello.apps.internal.example.com 60 A 192.0.2.77\nsend\n' | nsupdate -k data/keys/externaldns.key
    npx namestead ca roots --config data/namestead.yaml --out data/root.pem && LEGO_CA_CERTIFICATES=data/root.pem RFC2136_NAMESERVER=127.0.0.1:5300 RFC2136_TSIG_ALGORITHM=hmac-sha256. RFC2136_TSIG_KEY=certmanager. RFC2136_TSIG_SECRET="$(sed -n 's/.*secret "\(.*\)".*/\1/p' data/keys/certmanager.key)" lego --accept-tos --email you@internal.example.com --server https://localhost:8443/acme/directory --path data/lego --dns rfc2136 --dns.resolvers 127.0.0.1:5300 --dns.disable-cp -d app.internal.example.com run

`,
  )
})
