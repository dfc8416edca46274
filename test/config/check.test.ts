import t from 'tap'
import { load, SECRET, shown } from './sources.ts'

const KEY = `keys: [{ name: k, secret: ${SECRET} }]`
const zone = (rest: string) =>
  `${KEY}\nlisten: { dns: ["127.0.0.1:53"] }\nviews: [{ name: v, zones: [{ name: example.com, ${rest} }] }]`
const view = (rest: string) => `${KEY}\nlisten: { dns: ["127.0.0.1:53"] }\nviews: [${rest}]`
const ca = (rest: string, https = '["127.0.0.1:443"]') =>
  `listen: { https: ${https} }\nviews: [{ name: v }]\nca: { name: A, url: "https://ca.example.com", issue: [{ names: ["**"] }], ${rest} }`

t.test('legal, but unsafe or of no use', async t => {
  const cases: [what: string, text: string, warnings: string[]][] = [
    ['nothing to listen on', '', ['1:1: there is nothing to listen on']],
    ['no views', 'listen: { dns: ["127.0.0.1:53"] }', ['1:9: there are no views: every query is refused']],
    [
      'a TSIG secret shorter than the digest',
      `listen: { metrics: ["127.0.0.1:1"] }\nkeys: [{ name: k, algorithm: hmac-sha512, secret: ${SECRET} }]`,
      ['2:51: the secret of k has 32 octets; hmac-sha512 deserves at least 64'],
    ],
    [
      'one of several TSIG secrets',
      `listen: { metrics: ["127.0.0.1:1"] }\nkeys: [{ name: k, secret: [${SECRET}, AAAA] }]`,
      ['2:27: secret 2 of k has 3 octets; hmac-sha256 deserves at least 32'],
    ],
    [
      'a transfer to everybody',
      zone('file: z, transfer: [{ from: [any] }]'),
      ['3:69: example.com may be transferred by everybody'],
    ],
    [
      'a transfer to every IPv6 address',
      zone('file: z, transfer: [{ from: ["::/0"] }]'),
      ['3:69: example.com may be transferred by everybody'],
    ],
    ['a transfer to everybody with a key', zone('file: z, transfer: [{ key: k, from: [any] }]'), []],
    [
      'an update key without transfer',
      zone('file: z, dynamic: true, update: [{ key: k, names: ["**"] }]'),
      ['3:89: example.com may be updated but not transferred by k: ExternalDNS needs both'],
    ],
    [
      'a key for challenges, which nobody needs a transfer for',
      zone('file: z, dynamic: true, update: [{ key: k, names: ["_acme-challenge.**"], types: [TXT] }]'),
      [],
    ],
    [
      'an update key with transfer by address',
      zone('file: z, dynamic: true, transfer: [{ from: [10.0.0.0/8] }], update: [{ key: k, names: ["**"] }]'),
      [],
    ],
    [
      'update rules of a zone that takes none',
      zone('file: z, transfer: [{ key: k }], update: [{ key: k, names: ["**"] }]'),
      ['3:90: example.com has update rules but is not dynamic: it takes no updates'],
    ],
    [
      'a pattern of another zone',
      zone('file: z, dynamic: true, transfer: [{ key: k }], update: [{ key: k, names: ["**.example.org"] }]'),
      ['3:124: example.com holds no name that "**.example.org" fits'],
    ],
    [
      'a dynamic zone that nobody can fill',
      zone('dynamic: true'),
      ['3:28: example.com is dynamic but has neither a file nor update rules: it stays empty'],
    ],
    [
      'but updates of the zone in another view do',
      view(
        '{ name: v, zones: [{ name: example.com, dynamic: true }] }, { name: w, match: { keys: [k] }, zones: [{ name: example.com, dynamic: true, file: z, also_update: [v] }] }',
      ),
      [],
    ],
    [
      'and so does the API',
      `listen: { https: ["127.0.0.1:443"] }\nviews: [{ name: v, zones: [{ name: example.com, dynamic: true }] }]\nca: { name: A, url: "https://ca.example.com", issue: [{ names: ["**"] }] }`,
      [],
    ],
    [
      'recursion without a forward rule',
      view('{ name: v, recursion: [any] }'),
      ['3:31: the view v has recursion but no forward rule: nothing is resolved'],
    ],
    [
      'a forward rule without recursion',
      view('{ name: v, forward: [{ zone: ".", to: [192.0.2.1] }] }'),
      ['3:29: the view v has forward rules but no recursion: nobody may use them'],
    ],
    [
      'a view behind one for everybody',
      view('{ name: a, match: { clients: [any] } }, { name: b, match: { clients: [10.0.0.0/8] } }'),
      ['3:67: the view b is never reached: a, before it, is for everybody'],
    ],
    ['a view behind one for everybody, reached by key', view('{ name: a }, { name: b, match: { keys: [k] } }'), []],
    ['a view behind one for every IPv4 address', view('{ name: a, match: { clients: [0.0.0.0/0] } }, { name: b }'), []],
    [
      'a CA that nobody can reach',
      ca('', '[]').replace('{ https: [] }', '{ dns: ["127.0.0.1:53"] }'),
      ['3:21: there is a CA but no https listener: nobody can reach it'],
    ],
    [
      'an http_url that nobody serves',
      ca('http_url: "http://ca.example.com"'),
      ['3:85: there is an http_url but no http listener to serve it'],
    ],
    ['SCEP that nobody serves', ca('scep: {}'), ['3:81: there is SCEP but no http listener to serve it']],
    [
      'SCEP without a profile for RSA keys',
      ca('scep: {}, profiles: [{ name: p, validity: 1d, keys: [ecdsa-p256] }]').replace(
        '{ https:',
        '{ http: ["127.0.0.1:80"], https:',
      ),
      ['3:81: no profile takes RSA keys, and clients of SCEP have no others'],
    ],
    [
      'a CA that issues nothing',
      ca('')
        .replace('["**"]', '["a"]')
        .replace(/issue: \[.*\], /, ''),
      ['3:5: there is no issue rule: nothing is issued'],
    ],
    [
      'a CA whose own host it may not certify',
      ca('intermediate: { name_constraints: [example.org] }'),
      [
        '3:21: ca.example.com is outside the name constraints (example.org): our own HTTPS certificate would be refused by clients',
      ],
    ],
    [
      'a CA at an address',
      ca('intermediate: { name_constraints: [example.org] }').replace('ca.example.com', '192.0.2.1'),
      [],
    ],
    [
      'an issue rule outside the name constraints',
      ca('intermediate: { name_constraints: [example.com] }').replace('["**"]', '["**.example.com", "**.example.org"]'),
      ['3:83: no name that "**.example.org" fits is within the name constraints (example.com)'],
    ],
  ]
  for (const [what, text, warnings] of cases) {
    const loaded = load(text)
    t.strictSame([shown(loaded.errors), shown(loaded.warnings)], [[], warnings], what)
  }
})

t.test('what can not be', async t => {
  const cases: [what: string, text: string, errors: string[]][] = [
    [
      'a data directory too deep for a socket',
      `data_dir: /${'d'.repeat(100)}`,
      [
        `1:11: its control.sock would have a path of 114 octets, at most ${process.platform === 'linux' ? 107 : 103} work: use a shorter data_dir`,
      ],
    ],
    [
      'DNS over TLS without a certificate',
      'listen: { dot: ["127.0.0.1:853"] }',
      ['1:16: dot needs a certificate: give ca, or tls with certificate and key'],
    ],
    [
      'two listeners on one address and port',
      'listen: { http: ["127.0.0.1:80"], metrics: ["127.0.0.1:80"] }',
      ['1:45: 127.0.0.1:80 overlaps 127.0.0.1:80 of http'],
    ],
    [
      'a listener under a wildcard',
      'listen: { dns: ["[::]:53", "[::1]:53", "127.0.0.1:53"] }',
      ['1:28: [::1]:53 overlaps [::]:53 of dns'],
    ],
    ['port 0 twice', 'listen: { dns: ["127.0.0.1:0"], http: ["127.0.0.1:0"] }', []],
    [
      'forwarding to ourselves',
      view('{ name: v, recursion: [any], forward: [{ zone: ".", to: ["127.0.0.1:53"] }] }'),
      ['3:66: 127.0.0.1 port 53 is ourselves'],
    ],
    [
      'forwarding a zone of ours',
      view('{ name: v, recursion: [any], zones: [{ name: a.b, file: z }], forward: [{ zone: A.B, to: [192.0.2.1] }] }'),
      ["3:89: A.B is a zone of this view: it can't be forwarded"],
    ],
    ['an overlay of its own view', zone('overlay_of: v'), ['3:61: a zone can not be an overlay of its own view']],
    [
      'an overlay without a base',
      view('{ name: a }, { name: b, zones: [{ name: a.b, overlay_of: a }] }'),
      ['3:66: the view a has no zone a.b'],
    ],
    [
      'SCEP of no issuer',
      ca('scep: { issuers: [acme, staging] }'),
      ['3:99: there is no issuer "staging"; there are acme'],
    ],
    [
      'PTR records of no zone',
      view('{ name: v, zones: [{ name: 10.in-addr.arpa, dynamic: true, ptr_from: [a.b] }] }'),
      ['3:79: the view v has no zone a.b'],
    ],
    [
      'PTR records where there are no addresses',
      zone('dynamic: true, ptr_from: [b.c]'),
      ['3:74: example.com is neither below in-addr.arpa nor below ip6.arpa', '3:75: the view v has no zone b.c'],
    ],
    [
      'PTR records in a zone that is its file',
      view('{ name: v, zones: [{ name: a.b, file: z }, { name: 10.in-addr.arpa, file: z, ptr_from: [a.b] }] }'),
      ['3:96: PTR records are kept in dynamic zones: 10.in-addr.arpa needs dynamic: true'],
    ],
    [
      'an update to no zone',
      zone('dynamic: true, file: z, also_update: [v]'),
      ['3:87: a zone is updated in its own view anyway'],
    ],
    [
      'a CA without a view',
      'ca: { name: A, url: "https://a" }',
      ['1:5: the CA needs a view in which challenges are looked up'],
    ],
    [
      'an intermediate that outlives the root',
      ca('root: { validity: 365d }'),
      ['3:5: the intermediate would be valid for longer than the root'],
    ],
    [
      'a certificate that outlives the intermediate',
      ca('profiles: [{ name: long, validity: 365d }]'),
      ['3:110: certificates of the profile long would be valid for longer than the intermediate'],
    ],
  ]
  for (const [what, text, errors] of cases) t.strictSame(shown(load(text).errors), errors, what)
})
