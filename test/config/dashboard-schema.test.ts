import t from 'tap'
import { load, shown, sourcesOf } from './sources.ts'

const SOURCES = sourcesOf({ '/etc/namestead/oidc.secret': 's3cret\n' })
const config = (more: string, issuer = 'https://login.example.com/'): string =>
  `dashboard: { oidc: { issuer: "${issuer}", url: "https://ns1.example/", client_id: me, grants: [{ claim: groups, values: [a], role: read, zones: ["**"] }], ${more} } }`

t.test('a provider, with what is left out filled in', async t => {
  const { config: read, errors } = load(config('client_secret: { file: oidc.secret }'), SOURCES)
  t.strictSame(shown(errors), [])
  t.match(read!.dashboard.oidc, {
    ...{ issuer: 'https://login.example.com/', url: 'https://ns1.example', client_secret: 's3cret' },
    ...{ scopes: ['openid', 'profile', 'email'], name: 'sub', label: 'single sign-on' },
    grants: [{ zones: [{ text: '**' }] }],
  })
  t.same(load('').config!.dashboard, {})
})

t.test('what is wrong with one', async t => {
  const rows: [string, string, RegExp][] = [
    ['a secret in the config itself', config('client_secret: s3cret'), /expected \{ file: PATH \}/],
    ['scopes without openid', config('scopes: [profile]'), /must include openid/],
    ['a scope that would be two', config('scopes: ["openid profile"]'), /expected scope/],
    ['an issuer without TLS', config('', 'http://login.example.com'), /expected https URL/],
    ['an issuer with a query', config('', 'https://login.example.com?a=b'), /expected https URL/],
    ['a role that is none', config('').replace('read', 'root'), /expected read, write, admin/],
    ['a view that is none', config('').replace('role:', 'views: [inside], role:'), /no view is named "inside"/],
    ['grants to nobody', config('').replace(/grants: .*?\}\], /, 'grants: [], '), /expected at least one/],
  ]
  for (const [why, text, words] of rows) {
    const errors = shown(load(text, SOURCES).errors)
    t.match(errors.join('\n'), words, why)
    t.notMatch(errors.join('\n'), 's3cret', why)
  }
})
