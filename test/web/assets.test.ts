import { globSync, readFileSync } from 'node:fs'
import t from 'tap'
import { silentLog } from '../../host/log.ts'
import { createApp } from '../../server/http/http-app.ts'
import { readAssets } from '../../web/assets.ts'
import { serveDashboard } from '../../web/dashboard.ts'

const assets = readAssets()
const app = createApp(silentLog)
let login: string | undefined
serveDashboard(app, () => login)
const page = await app.inject('/')

t.test('all script together is less than 150 kB, uncompressed', async t => {
  const scripts = [...assets.files.values()].filter(({ type }) => type.startsWith('text/javascript'))
  const octets = scripts.reduce((sum, { body }) => sum + body.length, 0)
  t.ok(octets < 150_000, `${octets} octets`)
  t.ok(scripts.reduce((sum, { gzip }) => sum + gzip.length, 0) < 65_000)
})

t.test('nothing but what is ours is let into the page', async t => {
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, /^default-src 'none'; script-src 'self' 'sha256-[\w+/]+=*'; style-src 'self'/)
  t.notMatch(policy, /unsafe|https?:|\*|data:/)
  for (const directive of ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "trusted-types 'none'"])
    t.match(policy, directive)
  t.match(page.headers, {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  })
  t.notMatch(page.body, /style=|onload=|onerror=|https?:/)
  t.equal(page.body.match(/<script(?! type="importmap")[^>]*>[^<]/), null, 'no script stands in it but the import map')
})

t.test('every file of the page is there, compressed for who takes that, and kept for ever', async t => {
  const paths = [...page.body.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path!)
  t.ok(paths.length > 20)
  for (const path of paths) {
    const plain = await app.inject(path)
    t.equal(plain.statusCode, 200, path)
    t.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
    const compressed = await app.inject({ path, headers: { 'accept-encoding': 'gzip, br' } })
    t.equal(compressed.headers['content-encoding'], 'gzip')
    t.ok(compressed.rawPayload.length < plain.rawPayload.length + 30)
  }
})

t.test('the client has no text that would lose spaces on its way', async t => {
  const texts = globSync('web/client/**/*.ts').flatMap(path =>
    [...readFileSync(path, 'utf8').matchAll(/'[^'\n]*'|`[^`]*`/g)].map(([text]) => text),
  )
  t.ok(texts.length > 1000)
  t.strictSame(
    texts.filter(text => / {2}| [,;)]/.test(text)),
    [],
  )
})

t.test('modules import nothing that is not served', async t => {
  const { imports } = JSON.parse(/<script type="importmap">(.*?)<\/script>/.exec(page.body)![1]!) as {
    imports: Record<string, string>
  }
  for (const path of assets.modules) {
    const { body } = await app.inject(assets.prefix + path)
    for (const [, specifier] of body.matchAll(/^(?:import|\}) .*?from ['"]([^'"]+)['"]/gm)) {
      const url = imports[specifier!] ?? new URL(specifier!, `http://x${assets.prefix}${path}`).pathname
      t.equal((await app.inject(url)).statusCode, 200, `${path} imports ${specifier}`)
    }
  }
})

t.test('the address of the files changes with them', async t => {
  t.match(assets.prefix, /^\/assets\/[0-9a-f]{16}\/$/)
  t.equal(readAssets().prefix, assets.prefix)
})

t.test('another way to sign in is offered by the name that it has now', async t => {
  t.notMatch(page.body, 'name="login"')
  login = 'Corp "SSO" <1>'
  t.match((await app.inject('/')).body, '<meta name="login" content="Corp &quot;SSO&quot; &lt;1&gt;">')
  login = undefined
  t.equal((await app.inject('/')).body, page.body)
})
