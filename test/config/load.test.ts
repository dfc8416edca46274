import t from 'tap'
import { printPrefix } from '../../config/address.ts'
import { loadConfig, readDataDir } from '../../config/load.ts'
import { nameKey, parseName, printName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import { fixture, load, SECRET, shown, sourcesOf } from './sources.ts'

const CONTRACT_SOURCES = sourcesOf(
  { '/etc/namestead/keys/externaldns.secret': `${SECRET}\n` },
  { XFR_NEW: SECRET, XFR_OLD: 'AAAA' },
)

t.test('the normative example loads, every key of it', async t => {
  const { config, errors } = load(fixture('contract.yaml'), CONTRACT_SOURCES)
  t.strictSame(shown(errors), [])
  const [inside, outside] = config!.views
  t.equal(printName(config!.name), 'ns1.internal.example.com.')
  t.equal(config!.data_dir, '/var/lib/namestead')
  t.equal(config!.database.sqlite, '/var/lib/namestead/namestead.db')
  t.strictSame(config!.listen.dns, [
    { address: '0.0.0.0', port: 53 },
    { address: '::', port: 53 },
  ])
  t.strictSame(inside!.match.clients!.map(printPrefix), ['10.0.0.0/8', '192.168.0.0/16', '127.0.0.0/8', '::1'])
  t.strictSame(inside!.match.keys.map(printName), ['externaldns.', 'certmanager.'])
  t.strictSame(
    inside!.zones.map(zone => [printName(zone.name), zone.type, zone.dynamic]),
    [
      ['internal.example.com.', 'primary', true],
      ['0.10.in-addr.arpa.', 'primary', true],
      ['ad.example.com.', 'secondary', false],
    ],
  )
  const [rule] = inside!.zones[0]!.update
  t.strictSame(rule!.types, [Type.A, Type.AAAA, Type.CNAME, Type.TXT])
  t.strictSame(rule!.ttl, [0, 3600])
  t.equal(rule!.own, true)
  t.strictSame(inside!.forward[1]!.to, [
    { transport: 'tls', address: '9.9.9.9', port: 853, hostname: 'dns.quad9.net' },
    { transport: 'udp', address: '1.1.1.1', port: 53 },
  ])
  t.equal(outside!.zones[1]!.overlay_of, 'inside')
  t.equal(config!.keys[2]!.secret.length, 2)
  t.equal(config!.ca!.profiles[1]!.validity, 24 * 3600 * 1000)
  t.strictSame(config!.ca!.issuers, [{ name: 'acme' }])
  t.equal(config!.probes[0]!.every, 300_000)
})

t.test('a plain loopback config loads without a warning', async t => {
  const { config, errors, warnings } = load(fixture('loopback.yaml'))
  t.strictSame(shown(errors), [])
  t.strictSame(shown(warnings), [])
  t.equal(config!.views[0]!.zones[0]!.file, '/etc/namestead/internal.zone')
})

t.test('defaults', async t => {
  const { config, errors } = load('')
  t.strictSame(shown(errors), [])
  t.equal(nameKey(config!.name), nameKey(parseName('host.example')))
  t.equal(config!.data_dir, '/etc/namestead/data')
  t.equal(config!.database.sqlite, '/etc/namestead/data/namestead.db')
  t.equal(config!.workers, 'auto')
  t.strictSame(config!.listen, { dns: [], dot: [], https: [], http: [], metrics: [] })
  t.strictSame(config!.views, [])
  t.equal(config!.ca, undefined)
  t.strictSame(config!.log, { level: 'info', queries: false })
})

t.test('defaults of the CA', async t => {
  const { config, errors } = load('views: [{ name: first }]\nca: { name: A, url: "https://ca.example/" }')
  t.strictSame(shown(errors), [])
  const { ca } = config!
  t.equal(ca!.url, 'https://ca.example', 'less its final slash')
  t.equal(ca!.validate_in, 'first')
  t.equal(ca!.root.generate, 'ecdsa-p384')
  t.equal(ca!.intermediate.generate, 'ecdsa-p256')
  t.strictSame(ca!.challenges, ['dns-01'])
  t.strictSame(ca!.challenge_ports, { 'http-01': 80, 'tls-alpn-01': 443 })
  t.strictSame(ca!.issue, [])
  t.strictSame(
    ca!.profiles.map(({ name, validity, usages }) => ({ name, validity, usages })),
    [{ name: 'default', validity: 90 * 86_400_000, usages: ['server'] }],
  )
})

t.test('a decoded config can be handed to a thread', async t => {
  const { config } = load(fixture('contract.yaml'), CONTRACT_SOURCES)
  t.strictSame(structuredClone(config), config)
})

t.test('every error is found, each in its place', async t => {
  const text = `nmae: x
listen: { dns: ["localhost:53"], dto: [] }
workers: 0
keys:
  - { name: a, algorithm: hmac-sha265, secret: "AAAA" }
  - { name: A., secret: "no base64!" }
views:
  - name: v
    match: { clients: [crop], keys: [b] }
    zones:
      - { name: example.com, file: z, dynamic: yes }
      - { name: EXAMPLE.com., file: z }
    forward: [{ zone: ".", to: ["dns.example"] }]
ca: { name: A, url: "http://ca.example", profiles: [{ name: default, validity: 90 }] }
`
  t.strictSame(shown(load(text).errors), [
    '1:1: unknown key "nmae", did you mean "name"?',
    '2:17: expected address, with or without a port, found "localhost:53"',
    '2:34: unknown key "dto", did you mean "dot"?',
    '3:10: expected a whole number from 1 to 256, found 0',
    '5:27: expected hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224, hmac-sha1, hmac-md5 (did you mean hmac-sha256?), found "hmac-sha265"',
    '6:25: expected a secret in base64',
    '9:24: no access list is named "crop"; there are any, none, localhost',
    '9:38: no key is named "b"; there are a, A.',
    '11:48: expected true or false, found "yes"',
    '13:33: expected upstream: IP, IP:port, tls://IP#NAME, https://IP/PATH#NAME, tls://NAME or https://NAME/PATH, found "dns.example"',
    '14:21: expected https URL, found "http://ca.example"',
    '14:80: expected duration such as 30s, 5m, 12h or 90d, found 90',
  ])
})

t.test('what is wrong in one place', async t => {
  const zone = (rest: string) => `views: [{ name: v, zones: [{ name: example.com, ${rest} }] }]`
  const cases: [what: string, text: string, expected: string][] = [
    [
      'YAML syntax',
      'listen: [',
      '1:10: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a key twice', 'name: a\nname: b', '2:1: Map keys must be unique'],
    ['a list at the top', '- 1', '1:1: expected a map of keys and values, found a list'],
    [
      'an unknown key unlike any other',
      'log: { colour: red }',
      '1:8: unknown key "colour"; expected one of level, queries',
    ],
    [
      'a key without what it needs',
      'keys: [{ name: a }]',
      '1:8: "secret" is missing: the shared secret in base64; of a list the first signs, any is accepted',
    ],
    ['a secret both ways', 'keys: [{ name: a, secret: { file: x, env: y } }]', '1:27: give either file or env'],
    [
      'a secret file that is not there',
      'keys: [{ name: a, secret: { file: x } }]',
      "1:27: /etc/namestead/x can't be read: there is no such file",
    ],
    [
      'an environment variable that is not set',
      'keys: [{ name: a, secret: { env: NOPE } }]',
      '1:27: the environment variable NOPE is not set',
    ],
    [
      'no secret in a rotation',
      'keys: [{ name: a, secret: [] }]',
      '1:27: expected at least one secret: text, `{ file: PATH }` or `{ env: NAME }`, found a list',
    ],
    [
      'two keys of one name',
      `keys: [{ name: a, secret: ${SECRET} }, { name: A., secret: ${SECRET} }]`,
      '1:75: given twice, first in line 1, column 8',
    ],
    ['two views of one name', 'views: [{ name: v }, { name: v }]', '1:22: given twice, first in line 1, column 9'],
    [
      'two zones of one name',
      'views: [{ name: v, zones: [{ name: a.b, file: x }, { name: A.b., file: x }] }]',
      '1:52: given twice, first in line 1, column 28',
    ],
    [
      'a block with bits beyond its length',
      'acls: { x: [10.0.0.1/8] }',
      '1:13: "10.0.0.1/8" is not an address or a block; a block has no bits set beyond its length',
    ],
    [
      'a zone that is neither file nor dynamic',
      zone('type: primary'),
      '1:28: the zone example.com needs a file, or dynamic: true',
    ],
    [
      'a secondary without primaries',
      zone('type: secondary'),
      '1:28: the secondary zone example.com needs primaries: the servers it is transferred from',
    ],
    [
      'a primary that is asked from an address of another family',
      zone('type: secondary, primaries: [{ address: 192.0.2.1, source: "::1" }]'),
      '1:78: 192.0.2.1 can not be asked from ::1: one is IPv4, the other IPv6',
    ],
    [
      'the same of who is told of changes',
      zone('dynamic: true, notify: [{ address: "2001:db8::1", source: 192.0.2.1 }]'),
      '1:73: 2001:db8::1 can not be asked from 192.0.2.1: one is IPv4, the other IPv6',
    ],
    [
      'a range of times the wrong way round',
      zone('type: secondary, primaries: [192.0.2.1], refresh: [1h, 5m]'),
      '1:99: expected [least, most]',
    ],
    [
      'a secondary that lists zones',
      zone('type: secondary, primaries: [192.0.2.1], catalog_of: {}'),
      '1:28: the secondary zone example.com can not list zones: catalog_of is for a primary',
    ],
    [
      'a primary that follows a catalog',
      zone('dynamic: true, catalog: {}'),
      '1:28: the zone example.com has catalog but is not of type secondary; a primary has catalog_of',
    ],
    [
      'a catalog with a file',
      zone('file: x, catalog_of: {}'),
      '1:28: the zone example.com is a catalog, which is made here: file is not for it',
    ],
    [
      'a group that no record could hold',
      zone(`catalog_of: { groups: [{ name: ${'x'.repeat(256)}, zones: ["**"] }] }`),
      '1:80: a group has 1 to 255 octets, not 256',
    ],
    [
      'a primary with primaries',
      zone('file: x, primaries: [192.0.2.1]'),
      '1:28: the zone example.com has primaries but is not of type secondary',
    ],
    [
      'roots for a primary that is not asked over TLS',
      zone('type: secondary, primaries: [{ address: 192.0.2.1, roots: "-----BEGIN CERTIFICATE-----" }]'),
      '1:78: roots are for an address with tls://',
    ],
    [
      'a transfer rule for nobody in particular',
      zone('file: x, transfer: [{}]'),
      '1:69: give key, from, or both; { from: [any] } is everybody',
    ],
    [
      'a type that no zone holds',
      zone('file: x, update: [{ key: k, names: ["**"], types: [AXFR] }]').replace(
        'views',
        `keys: [{ name: k, secret: ${SECRET} }]\nviews`,
      ),
      '2:100: "AXFR" is not a record type that a zone can hold',
    ],
    [
      'a TTL range upside down',
      zone('file: x, update: [{ key: k, names: ["**"], ttl: [2, 1] }]').replace(
        'views',
        `keys: [{ name: k, secret: ${SECRET} }]\nviews`,
      ),
      '2:97: expected [least, most]',
    ],
    [
      'a pattern with two ** in a row',
      zone('file: x, update: [{ key: k, names: ["**.**"] }]').replace(
        'views',
        `keys: [{ name: k, secret: ${SECRET} }]\nviews`,
      ),
      '2:85: "**.**" has two "**" in a row',
    ],
    ['an overlay of no view', zone('overlay_of: w'), '1:61: no view is named "w"; there are v'],
    [
      'a profile that is not there',
      'views: [{ name: v }]\nca: { name: A, url: "https://a", issue: [{ names: ["**"], profiles: [x] }] }',
      '2:70: no profile is named "x"; there are default',
    ],
    [
      'a label of 64 octets',
      `name: ${'a'.repeat(64)}`,
      `1:7: "${'a'.repeat(64)}" has a label of 64 octets, at most 63 are allowed`,
    ],
    ['an alias that holds itself', 'acls: &a { x: *a }', '1:15: an alias that contains itself'],
  ]
  for (const [what, text, expected] of cases) t.strictSame(shown(load(text).errors), [expected], what)
})

t.test('secrets', async t => {
  const sources = sourcesOf(
    {
      '/etc/namestead/plain': `${SECRET}\n`,
      '/etc/namestead/bind.key': `key "a" {\n\talgorithm hmac-sha256;\n\tsecret "${SECRET}";\n};\n`,
    },
    { FROM_ENV: SECRET },
  )
  const forms = [
    SECRET,
    '{ file: plain }',
    '{ file: /etc/namestead/plain }',
    '{ file: bind.key }',
    '{ env: FROM_ENV }',
    '[{ env: FROM_ENV }]',
  ]
  for (const form of forms) {
    const { config, errors } = load(`keys: [{ name: a, secret: ${form} }]`, sources)
    t.strictSame(shown(errors), [], form)
    t.equal(Buffer.from(config!.keys[0]!.secret[0]!).toString('base64'), SECRET, form)
  }
})

t.test('no secret is ever in a message', async t => {
  const sources = sourcesOf({ '/etc/namestead/bad': 'hunter2!' }, { BAD: 'hunter2!' })
  for (const form of ['hunter2!', '{ file: bad }', '{ env: BAD }', '[AAAA, hunter2!]']) {
    const { errors, warnings } = load(`keys: [{ name: a, secret: ${form} }]`, sources)
    t.equal(errors.length, 1, form)
    t.notMatch(JSON.stringify([...errors, ...warnings]), 'hunter2', form)
  }
  const { errors } = load('keys: [{ name: a, secret: 1234567890 }]')
  t.match(errors, [{ message: 'expected text: write the secret in quotes' }])
})

t.test('a secret file that others may read is warned of', async t => {
  const sources = { ...sourcesOf({ '/etc/namestead/x': SECRET }), mode: () => 0o100644 }
  t.strictSame(shown(load('keys: [{ name: a, secret: { file: x } }]', sources).warnings), [
    '1:1: there is nothing to listen on',
    '1:27: /etc/namestead/x holds a secret and is open to other users: chmod 600 it',
  ])
})

t.test('of PEM files, those that hold a private key should be open to nobody else', async t => {
  const files = {
    '/etc/namestead/c': '-----BEGIN CERTIFICATE-----\n',
    '/etc/namestead/k': '-----BEGIN EC PRIVATE KEY-----\n',
  }
  const sources = { ...sourcesOf(files), mode: () => 0o100644 }
  const warnings = ['{ certificate: c, key: k }', '{ certificate: { file: c }, key: { file: k } }'].map(tls =>
    load(`tls: ${tls}`, sources)
      .warnings.map(({ message }) => message)
      .filter(message => /secret/.test(message)),
  )
  const warning = '/etc/namestead/k holds a secret and is open to other users: chmod 600 it'
  t.strictSame(warnings, [[warning], [warning]])
})

t.test('access lists name each other, even in a circle', async t => {
  const { config, errors } = load(
    'acls: { a: [b, 10.0.0.0/8], b: [a, 192.0.2.1, localhost] }\nviews: [{ name: v, recursion: [a] }]',
  )
  t.strictSame(shown(errors), [])
  t.strictSame(config!.views[0]!.recursion.map(printPrefix), ['10.0.0.0/8', '192.0.2.1', '127.0.0.0/8', '::1'])
})

t.test('aliases that stand for more than memory holds are refused', async t => {
  const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`)
  const { errors } = load(`l0: &l0 [x]\n${levels.join('\n')}`)
  t.match(shown(errors).join('\n'), 'more than 200000 values in one file')
})

t.test('a document that is no config at all', async t => {
  const cases: [what: string, text: string, message: string][] = [
    ['lists in lists', '['.repeat(20_000), 'values are nested too deep'],
    ['lists in lists, by their dashes', `${'- '.repeat(5000)}x`, 'values are nested too deep'],
    [
      'maps in maps',
      Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      'values are nested too deep',
    ],
    ['two documents', 'name: a\n--- \nname: b', 'a second document begins here; a config is one'],
    ['octets', 'name: !!binary AAAA', 'expected plain text, a number, true or false'],
  ]
  for (const [what, text, message] of cases) {
    const { config, errors } = load(text)
    t.equal(config, undefined, what)
    t.ok(errors.length >= 1 && errors.length <= 20, what)
    t.equal(errors[0]!.message, message, what)
  }
})

t.test('a file that is not there', async t => {
  const { errors } = loadConfig('/nowhere/namestead.yaml', sourcesOf())
  t.strictSame(shown(errors), ["1:1: can't be read: there is no such file"])
})

t.test('the data directory is known even where the rest is wrong', async t => {
  const sources = sourcesOf({ '/a/n.yaml': 'data_dir: ../b\nnonsense: [', '/a/m.yaml': '' })
  t.equal(readDataDir('/a/n.yaml', sources), '/b')
  t.equal(readDataDir('/a/m.yaml', sources), '/a/data')
})
