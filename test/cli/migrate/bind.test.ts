import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { migrateBind } from '../../../cli/migrate/bind.ts'
import { parseNamedConf } from '../../../cli/migrate/named-conf.ts'
import type { Written } from '../../../config/kinds.ts'
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
  const { lost } = JSON.parse(done.out) as { lost: string[] }
  t.ok(lost.some(line => /names that are not ours are refused, for we ask no servers of the root/.test(line)))
  writeFileSync(join(folder, 'named.conf'), 'include "/etc/bind/named.conf";\ninclude "/etc/bind/zones.rfc1918";\n')
  const more = await type(folder, ['migrate', 'bind', 'named.conf', '--out', 'more'])
  t.equal(more.exit, 0, more.err)
  t.match(await type(folder, ['check', '--config', join('more', 'namestead.yaml')]), { exit: 0 })
})

/** What a named.conf comes to, and what is said to be lost with it. */
function migrated(text: string) {
  const files = { read: () => ZONE, exists: () => false, directory: '/' }
  const { config, lost } = migrateBind(parseNamedConf(text, 'named.conf', files.read), files)
  return { zones: (config['views'] as { zones?: Written[] }[])[0]!.zones ?? [], listen: config['listen'], lost }
}

t.test('lists of servers name each other, even in a circle', async t => {
  const { zones, lost } = migrated(`options { recursion no; };
primaries a { b; 192.0.2.1; nobody; };
primaries b { a; 192.0.2.2; };
zone "x" { type secondary; primaries { a; }; allow-transfer { none; }; };
zone "y" { type mirror; };`)
  t.strictSame(zones, [{ name: 'x', type: 'secondary', primaries: ['192.0.2.2', '192.0.2.1'] }])
  t.ok(lost.includes('named.conf:2: "nobody" is no address, and no list of servers'))
  t.ok(lost.includes('named.conf:5: the zone y names no primaries that we could ask'))
})

t.test('rules for keys that are no TSIG keys are left out', async t => {
  const { zones, lost } = migrated(`options { recursion no; };
key k { algorithm hmac-sha256; secret "AAAA"; };
zone "x" { type primary; file "x"; allow-transfer { key nobody; key k; };
  update-policy { grant host/a@REALM self x; grant sig0.x name a.x A; grant k name b.x TXT(3); }; };`)
  t.match(zones, [{ update: [{ key: 'k', names: ['b.x.'], types: ['TXT'] }], transfer: [{ key: 'k' }] }])
  t.equal((zones as { update: unknown[] }[])[0]!.update.length, 1)
  t.equal(lost.filter(line => /there is no TSIG key (nobody|host\/a@realm|sig0\.x): SIG\(0\)/.test(line)).length, 3)
})

t.test('lists of addresses within lists are read', async t => {
  const { listen } = migrated(
    'options { listen-on port 5353 { { 192.0.2.1; 192.0.2.2; }; 192.0.2.3; }; listen-on-v6 { none; }; forwarders { {}; }; };',
  )
  t.strictSame(listen, { dns: ['192.0.2.1:5353', '192.0.2.2:5353', '192.0.2.3:5353'] })
})

t.test('an option says where its counterpart is, or that it has none; what is so anyway is not lost', async t => {
  const { lost, listen } = migrated(`options { recursion no; minimal-responses yes; response-policy { zone "rpz"; };
  geoip-use-ecs no; listen-on { 192.0.2.1; }; listen-on tls local { 192.0.2.1; }; listen-on port 53 { 192.0.2.1; }; listen-on-v6 { none; }; };`)
  t.strictSame(lost, [
    'named.conf:1: response-policy: see rpz',
    'named.conf:2: the option geoip-use-ecs has no counterpart',
  ])
  t.strictSame(listen, { dns: ['192.0.2.1'] })
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
