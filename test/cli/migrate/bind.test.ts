import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { migrateBind } from '../../../cli/migrate/bind.ts'
import { parseNamedConf } from '../../../cli/migrate/named-conf.ts'
import { loadConfig } from '../../../config/load.ts'
import { printName } from '../../../dns/name.ts'
import { run, without } from '../../interop/tools.ts'
import { scratchFolder } from '../../scratch.ts'
import { type } from '../session.ts'

const conf = (folder: string) => `
acl corp { 10/8; 192.168.0.0/16; localhost; };
acl guests { 172.16.0.0/12; !172.16.9.0/24; any; };
key "ext." { algorithm HMAC-SHA256; secret "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="; };
primaries up { 192.0.2.1 port 5300 key "ext."; 192.0.2.2; };
options {
  directory "${folder}/zones";
  listen-on port 5353 { 127.0.0.1; 192.0.2.3; };
  listen-on-v6 { any; };
  forwarders { 9.9.9.9; 1.1.1.1 port 5353; };
  allow-transfer { key ext; };
  allow-new-zones no;
};
view inside {
  match-clients { corp; key ext; };
  allow-recursion { corp; };
  zone "a.example" {
    type master; file "a.zone"; also-notify { 192.0.2.9; };
    update-policy { grant ext subdomain apps.a.example. A TXT; grant ext wildcard *.w.a.example; grant * self *; deny ext name x.a.example; grant ext zonesub ANY; };
  };
  zone "b.example" IN { type slave; masters { up; 192.0.2.7; }; file "sec/b"; };
  zone "corp.partner" { type forward; forward only; forwarders { 10.9.9.9; }; };
  zone "." { type hint; file "root.hints"; };
};
view outside {
  match-clients { guests; }; recursion no;
  zone "a.example" { type primary; file "outside.zone"; allow-transfer { none; }; allow-update { key ext; 192.0.2.8; }; };
};
`
const ZONE = '$TTL 300\n@ SOA ns hostmaster 1 3600 600 604800 60\n@ NS ns\nns A 192.0.2.1\n'

function bind(t: Test): { folder: string; file: string } {
  const folder = scratchFolder(t)
  mkdirSync(join(folder, 'zones'))
  for (const name of ['a', 'outside']) writeFileSync(join(folder, 'zones', `${name}.zone`), ZONE)
  const file = join(folder, 'named.conf')
  writeFileSync(file, conf(folder))
  return { folder, file }
}

t.test('views, zones, keys, rules, forwarders and files come along, and the rest is named', async t => {
  const { folder, file } = bind(t)
  const { exit, out, err } = await type(folder, ['migrate', 'bind', file, '--out', 'ours', '--json'])
  t.equal(exit, 0, err)
  const { lost, errors } = JSON.parse(out) as { lost: string[]; errors: string[] }
  t.strictSame(errors, [])
  const { config } = loadConfig(join(folder, 'ours', 'namestead.yaml'))
  const [inside, outside] = config!.views
  t.strictSame(
    config!.listen.dns.map(({ port }) => port),
    [5353, 5353, 53],
  )
  t.equal(inside!.recursion.length > 0, true)
  t.strictSame(inside!.match.keys.map(printName), ['ext.'])
  const [a, b] = inside!.zones
  t.strictSame(
    a!.update.map(({ names, types }) => [names.map(({ text }) => text), types]),
    [
      [['**.apps.a.example.'], [1, 16]],
      [['*.**.w.a.example.'], undefined],
    ],
    'what follows a rule that denies is left out',
  )
  t.equal(a!.dynamic, true)
  t.strictSame(
    b!.primaries!.map(({ address, key }) => [address.address, address.port, key && printName(key)]),
    [
      ['192.0.2.1', 5300, 'ext.'],
      ['192.0.2.2', 53, undefined],
      ['192.0.2.7', 53, undefined],
    ],
  )
  t.strictSame(
    inside!.forward.map(({ zone, to }) => [printName(zone), to.length]),
    [
      ['corp.partner.', 1],
      ['.', 2],
    ],
  )
  t.strictSame([outside!.recursion, outside!.forward, outside!.zones[0]!.transfer], [[], [], []])
  t.strictSame(
    outside!.match.clients!.length,
    1,
    'what follows an exception is left out: nobody is let in who was not before',
  )
  t.equal(readFileSync(a!.file!, 'utf8'), ZONE)
  t.equal(statSync(join(folder, 'ours', 'keys', 'ext.key')).mode & 0o077, 0)
  for (const what of [
    /exceptions/,
    /deny are not known/,
    /"grant \* self \*"/,
    /without a signature/,
    /option allow-new-zones/,
  ])
    t.ok(
      lost.some(line => what.test(line)),
      String(what),
    )
  t.match(await type(folder, ['check', '--config', join('ours', 'namestead.yaml')]), { exit: 0 })
  t.match(await type(folder, ['migrate', 'bind', file, '--out', 'ours']), { exit: 2, err: /never overwrites/ })
})

t.test("BIND's own reading of the file leads to the same", { skip: without('named-checkconf') }, async t => {
  const { folder, file } = bind(t)
  const { stdout, status } = await run('named-checkconf', ['-p', file])
  t.equal(status, 0, stdout)
  const files = { read: (path: string) => readFileSync(path, 'utf8'), exists: () => false, directory: folder }
  const migrated = (text: string) => migrateBind(parseNamedConf(text, 'x', files.read), files).config
  t.strictSame(migrated(stdout), migrated(readFileSync(file, 'utf8')))
})

t.test("Debian's own configuration is read", { skip: without('named-checkconf') }, async t => {
  const folder = scratchFolder(t)
  const done = await type(folder, ['migrate', 'bind', '/etc/bind/named.conf', '--json'])
  t.equal(done.exit, 0, done.err)
  const { config } = loadConfig(join(folder, 'namestead.yaml'))
  t.ok(config!.views[0]!.zones.some(({ name }) => printName(name) === 'localhost.'))
})

t.test('what is broken is told with its place', async t => {
  const folder = scratchFolder(t)
  writeFileSync(join(folder, 'named.conf'), 'options {\n')
  t.match(await type(folder, ['migrate', 'bind', 'named.conf']), {
    exit: 2,
    err: /named\.conf:1: the "{" is never closed/,
  })
  t.match(await type(folder, ['migrate', 'bind', 'none']), { exit: 2, err: /none/ })
})
