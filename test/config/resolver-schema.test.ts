import t from 'tap'
import { load } from './sources.ts'

function rule(text: string) {
  const { config, errors } = load(`views: [{ name: v, recursion: [any], forward: [${text}] }]`)
  return config ? config.views[0]!.forward[0]! : errors.map(({ message }) => message)
}

t.test('upstreams by address and by name, and what may be said of them', t => {
  const pin = `${'A'.repeat(43)}=`
  const rows: [string, object][] = [
    ['192.0.2.1', { transport: 'udp', address: '192.0.2.1', port: 53 }],
    ['"tls://dns.example"', { transport: 'tls', name: 'dns.example', port: 853, hostname: 'dns.example' }],
    [
      '"https://dns.example:8443/q"',
      { transport: 'https', name: 'dns.example', port: 8443, hostname: 'dns.example', path: '/q' },
    ],
    [
      `{ address: "tls://192.0.2.1", weight: 3, max_concurrent: 10, pins: ["${pin}"] }`,
      { transport: 'tls', address: '192.0.2.1', port: 853, weight: 3, max_concurrent: 10, pins: [pin] },
    ],
  ]
  for (const [text, decoded] of rows)
    t.match(rule(`{ zone: ".", to: [${text}], bootstrap: [192.0.2.9] }`), { to: [decoded], select: 'order' }, text)
  t.end()
})

t.test('what is wrong with them', t => {
  const rows: [string, RegExp][] = [
    ['{ zone: ".", to: ["tls://dns.example"] }', /dns.example is given by name: the rule needs bootstrap/],
    ['{ zone: ".", to: [dns.example] }', /expected upstream/],
    ['{ zone: ".", to: ["tls://10.0.0"] }', /expected upstream/],
    ['{ zone: ".", to: ["tls://dns.example:70000"], bootstrap: [192.0.2.9] }', /expected upstream/],
    ['{ zone: ".", to: [{ address: 192.0.2.1, pins: ["x"] }] }', /expected SHA-256/],
    [`{ zone: ".", to: [{ address: 192.0.2.1, pins: ["${'A'.repeat(43)}="] }] }`, /pins are for an address with tls/],
    ['{ zone: ".", to: [192.0.2.1], select: fastest }', /expected order, latency, weighted/],
  ]
  for (const [text, message] of rows) t.match((rule(text) as string[]).join(), message, text)
  t.end()
})

t.test('zones, stubs and policies of a view must fit each other', t => {
  const view = (text: string) =>
    load(
      `views: [{ name: v, recursion: [any], zones: [{ name: a.example, dynamic: true }], forward: [{ zone: b.example, to: [192.0.2.1] }], ${text} }]`,
    ).errors.map(({ message }) => message)
  t.same(view('stub: [{ zone: c.example, to: [192.0.2.1] }], rpz: [{ zone: a.example }]'), [])
  t.match(view('stub: [{ zone: a.example, to: [192.0.2.1] }]'), [/a.example is a zone of this view/])
  t.match(view('stub: [{ zone: b.example, to: [192.0.2.1] }]'), [/b.example has a forward rule/])
  t.match(view('rpz: [{ zone: c.example }]'), [/the view v has no zone c.example/])
  t.end()
})

t.test('RFC 6052 §2.2: a prefix for IPv4 addresses has one of six lengths', t => {
  const dns64 = (text: string) => load(`views: [{ name: v, dns64: { prefix: "${text}" } }]`).config?.views[0]?.dns64
  for (const length of [32, 40, 48, 56, 64, 96]) t.ok(dns64(`2001:db8::/${length}`), `${length}`)
  for (const text of ['2001:db8::/33', '10.0.0.0/8', 'x']) t.equal(dns64(text), undefined, text)
  t.match(load('views: [{ name: v, dns64: {} }]').config?.views[0]?.dns64, {
    prefix: { length: 96 },
    exclude: [{ length: 96, bytes: { length: 16 } }],
  })
  t.end()
})
