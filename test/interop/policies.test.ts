import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Daemon, KEY, SECRETS } from './daemon.ts'
import { startBind } from './peers/bind.ts'
import { folderWith, launch } from './peers/peer.ts'
import { digStatus, eventually, freePorts, run, without } from './tools.ts'

const HEAD = '$TTL 60\n@ SOA ns h 1 3600 600 604800 60\n@ NS localhost.\n'

/** Three policy zones, in this order; the second one judges answers, so that later ones have to wait for them. */
const POLICIES = {
  'one.rpz': `${HEAD}
nx.test CNAME .
*.nx.test CNAME .
spared.nx.test CNAME rpz-passthru.
nodata.test CNAME *.
local.test A 203.0.113.1
local.test TXT "walled"
*.under.test A 203.0.113.2
deep.*.star.test CNAME .
garden.test CNAME walled.test.
*.wild.test CNAME *.walled.test.
drop.test CNAME rpz-drop.
target.test CNAME .
both.test CNAME rpz-passthru.
32.2.0.0.127.rpz-client-ip CNAME .
nx.test.and.more CNAME .
`,
  'two.rpz': `${HEAD}
24.0.2.0.192.rpz-ip CNAME .
32.5.2.0.192.rpz-ip CNAME rpz-passthru.
32.6.2.0.192.rpz-ip A 203.0.113.6
16.0.0.51.198.rpz-ip CNAME *.
128.1.zz.db8.2001.rpz-ip CNAME .
both.test CNAME .
late.test CNAME .
`,
  'three.rpz': `${HEAD}
ip.test A 203.0.113.3
alias2.test A 203.0.113.4
chain.test CNAME *.
late.test A 203.0.113.5
plain.test A 203.0.113.7
`,
}

const WORLD = `$TTL 60
@ SOA ns h 1 3600 600 604800 60
@ NS ns
ns A 127.0.0.1
nx A 198.18.0.1
spared.nx A 198.18.0.2
other.nx A 198.18.0.3
nodata A 198.18.0.4
local A 198.18.0.5
local MX 10 ns
x.under A 198.18.0.6
under A 198.18.0.7
garden A 198.18.0.8
walled A 198.18.0.9
*.walled A 198.18.0.10
q.wild A 198.18.0.11
drop A 198.18.0.12
target A 198.18.0.13
alias CNAME target
alias2 CNAME target
chain CNAME nodata
ip A 192.0.2.1
spared A 192.0.2.5
several A 192.0.2.1
several A 192.0.2.5
some A 192.0.2.6
some A 198.51.1.1
six AAAA 2001:db8::1
six A 198.18.0.14
both A 192.0.2.5
both2 A 198.18.0.15
late A 198.18.0.16
plain A 198.18.0.17
free A 198.18.0.18
`

const QUESTIONS: [sentence: string, name: string, type: string, client?: string][] = [
  ['a name that no rule is for', 'free.test', 'A'],
  ['a name that is not there', 'nothing.test', 'A'],
  ['NXDOMAIN for a name', 'nx.test', 'A'],
  ['NXDOMAIN for names below it', 'other.nx.test', 'A'],
  ['a name that is let through goes before the wildcard above it', 'spared.nx.test', 'A'],
  ['no data for a name', 'nodata.test', 'A'],
  ['local data', 'local.test', 'A'],
  ['local data of another type', 'local.test', 'TXT'],
  ['a type that local data lacks', 'local.test', 'MX'],
  ['a wildcard is for names below it', 'x.under.test', 'A'],
  ['a wildcard is for names far below it', 'a.b.c.under.test', 'A'],
  ['and not for the name itself', 'under.test', 'A'],
  ['another name instead', 'garden.test', 'A'],
  ['another name made of the one that was asked', 'q.wild.test', 'A'],
  ['a client', 'free.test', 'A', '127.0.0.2'],
  ['a client goes before a name', 'spared.nx.test', 'A', '127.0.0.2'],
  ['the target of an alias', 'alias.test', 'A'],
  ['an earlier name of a chain goes before an earlier zone', 'alias2.test', 'A'],
  ['the alias of a chain goes before its target', 'chain.test', 'A'],
  ['an address of the answer', 'ip.test', 'A'],
  ['an address that is let through', 'spared.test', 'A'],
  ['of several addresses the longest block', 'several.test', 'A'],
  ['of several addresses the longest block, with data of its own', 'some.test', 'A'],
  ['an address of IPv6', 'six.test', 'AAAA'],
  ['and another type of that name', 'six.test', 'A'],
  ['a name let through by an earlier zone', 'both.test', 'A'],
  ['a name in two zones, the earlier of which judges answers', 'late.test', 'A'],
  ['a name in a later zone', 'plain.test', 'A'],
  ['silence', 'drop.test', 'A'],
]

const zonesOf = (names: readonly string[]) =>
  names.map(name => `zone "${name}" { type primary; file "${name}"; };`).join(' ')

/** BIND as a recursive server with the policy zones, forwarding to `upstream`. */
function startJudge(t: Test, port: number, upstream: number): void {
  const names = Object.keys(POLICIES)
  const folder = folderWith(t, {
    ...POLICIES,
    'named.conf': `options { directory "."; pid-file none; session-keyfile none; managed-keys-directory ".";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion yes; allow-query { any; }; dnssec-validation no; empty-zones-enable no;
  forward only; forwarders { 127.0.0.1 port ${upstream}; };
  response-policy { ${names.map(name => `zone "${name}";`).join(' ')} } qname-wait-recurse yes; };
controls { }; ${zonesOf(names)}`,
  })
  launch(t, folder, port, ['named', '-g', '-n', '1', '-c', 'named.conf'])
}

/** RCODE and records without their TTLs. */
async function told(port: number, name: string, type: string, client = '127.0.0.1'): Promise<string> {
  const args = [
    '@127.0.0.1',
    '-p',
    String(port),
    '-b',
    client,
    '+tries=1',
    '+time=1',
    '+noall',
    '+comments',
    '+answer',
    name,
    type,
  ]
  const { stdout } = await run('dig', args)
  const records = [...stdout.matchAll(/^([^;\s]\S*)\s+\d+\s+IN\s+(.*)$/gm)].map(([, owner, rest]) => `${owner} ${rest}`)
  return [/status: (\w+)/.exec(stdout)?.[1] ?? 'silence', ...records.map(one => one.replace(/\s+/g, ' ')).sort()].join(
    ', ',
  )
}

t.test('response policies mean what they mean to BIND', { skip: without('named', 'dig', 'nsupdate') }, async t => {
  const [upstream, judge] = (await freePorts(2)) as [number, number]
  startBind(t, {
    port: upstream,
    statements: `zone "test" { type primary; file "world"; };
zone "feed.rpz" { type primary; file "feed"; allow-transfer { key xfr; }; allow-update { key xfr; }; };`,
    files: { world: WORLD, feed: `${HEAD}fed.test CNAME .\n` },
  })
  startJudge(t, judge, upstream)
  const folder = folderWith(t, POLICIES)
  const zones = Object.keys(POLICIES).map(name => `      - { name: ${name}, file: ${join(folder, name)} }`)
  const daemon = await Daemon.start(t, {
    config: ({ dns }) => `data_dir: data
name: ns1.example
listen: { dns: ["127.0.0.1:${dns}"] }
workers: 1
keys: [{ name: xfr, algorithm: hmac-sha256, secret: "${SECRETS.xfr}" }]
views:
  - name: all
    recursion: [any]
    forward: [{ zone: ".", to: ["127.0.0.1:${upstream}"] }]
    rpz: [${Object.keys(POLICIES).map(name => `{ zone: ${name} }`)}, { zone: feed.rpz }]
    zones:
${zones.join('\n')}
      - { name: feed.rpz, type: secondary, primaries: [{ address: "127.0.0.1:${upstream}", key: xfr }] }
`,
  })
  const { dns } = daemon.ports
  t.ok(await eventually(async () => (await digStatus(judge, 'free.test')) === 'NOERROR'), 'BIND is up')
  t.ok(
    await eventually(async () => (await digStatus(dns, 'fed.test')) === 'NXDOMAIN'),
    'a rule that came by AXFR holds',
  )

  for (const [sentence, name, type, client] of QUESTIONS) {
    const [ours, theirs] = await Promise.all([told(dns, name, type, client), told(judge, name, type, client)])
    t.equal(ours, theirs, sentence)
    if (theirs !== 'silence') t.equal(await told(dns, name, type, client), theirs, `${sentence}, asked again`)
  }

  t.equal(await digStatus(dns, 'free.test'), 'NOERROR')
  const { status, stderr } = await run('nsupdate', ['-y', KEY('xfr')], {
    input: `server 127.0.0.1 ${upstream}\nzone feed.rpz\nupdate add free.test.feed.rpz 60 CNAME .\nsend\n`,
  })
  t.equal(status, 0, stderr)
  t.equal((await daemon.cli('zone', 'refresh', 'feed.rpz')).status, 0)
  t.ok(
    await eventually(async () => (await digStatus(dns, 'free.test')) === 'NXDOMAIN'),
    'a rule that came by IXFR holds',
  )
})
