import type { Page } from 'playwright-core'
import t from 'tap'
import { systemWorld } from '../../../host/world.ts'
import { startApi } from '../../server/api/running.ts'
import { accessibility, launch, openPage, withoutChromium } from '../../web/browser.ts'
import { freePorts } from '../tools.ts'
import { startProvider } from './provider.ts'

const SECRET = 'a secret of the client: with % and + in it'

const config = (issuer: string, url: string, roots: string): string => `
dashboard:
  oidc:
    issuer: ${issuer}
    url: ${url}
    client_id: namestead
    client_secret: { env: OIDC_SECRET }
    scopes: [openid, profile, groups]
    name: preferred_username
    label: Corp
    roots: ${JSON.stringify(roots)}
    grants:
      - { claim: groups, values: [dns-admins], role: admin, zones: ["**"] }
      - { claim: groups, values: [team-a], role: write, zones: [a.example], views: [inside] }
`

/** Through the provider's own pages, from ours and back. */
async function logIn(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Sign in with Corp' }).click()
  await page.getByPlaceholder('Enter any login').fill(name)
  await page.getByPlaceholder('and password').fill('any')
  await page.getByRole('button', { name: 'Sign-in' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
}

t.test('people log in through a provider that nobody here wrote', { skip: withoutChromium }, async t => {
  const [https] = await freePorts(1)
  const url = `https://localhost:${https}`
  process.env['OIDC_SECRET'] = SECRET
  const { issuer, roots, errors } = await startProvider(t, {
    ...{ redirect: `${url}/oidc/callback`, home: `${url}/`, secret: SECRET },
  })
  const api = await startApi(t, systemWorld, { https: https!, more: config(issuer, url, roots) })
  const browser = await launch()
  t.teardown(() => browser.close())
  /** The provider's pages want a font from elsewhere. */
  const open = async () => {
    const opened = await openPage(browser)
    await opened.page.route('**/*', (route, request) =>
      new URL(request.url()).hostname === 'localhost' ? route.continue() : route.abort(),
    )
    await opened.page.goto(url)
    return opened
  }

  await t.test('with all that their groups are granted', async t => {
    const { page, wrong } = await open()
    await page.getByRole('link', { name: 'Sign in with Corp' }).waitFor()
    t.strictSame(await accessibility(page), [], 'the login page')
    await logIn(page, 'alice')
    await page.getByText('alice@corp.example (admin)').waitFor()
    t.equal(await page.evaluate('document.cookie'), '', 'no script sees a cookie')
    const [session] = (await page.context().cookies(url)).filter(({ name }) => name === '__Host-namestead')
    t.match(session, { sameSite: 'Strict', httpOnly: true, secure: true })
    await page.reload()
    await page.getByText('alice@corp.example (admin)').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await page.getByLabel('API token').waitFor()
    t.equal(new URL(page.url()).origin, url, 'back from the provider')
    await page.reload()
    await page.getByLabel('API token').waitFor()
    await page.getByRole('link', { name: 'Sign in with Corp' }).click()
    await page.getByPlaceholder('Enter any login').waitFor({ timeout: 20_000 })
    await page.goto(url)
    t.same([wrong, errors], [[], []])
    await page.context().close()
  })

  await t.test('what they change has their name on it; what is not theirs they do not see', async t => {
    const { page } = await open()
    await logIn(page, 'bob')
    await page.getByText('bob@corp.example (write)').waitFor()
    const status = await page.evaluate(`fetch('/api/v1/views/inside/zones/a.example./edit', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"rrsets":[{"name":"bob.a.example.","type":"A","ttl":60,"changetype":"REPLACE","records":[{"content":"192.0.2.77"}]}]}',
    }).then(({ status }) => status)`)
    t.equal(status, 200)
    const [change] = await api.command('zone.history', { zone: 'a.example', view: 'inside' })
    t.match(change, { key: 'person:bob@corp.example' })
    const elsewhere = await page.evaluate(
      `fetch('/api/v1/servers/inside/zones/signed.example.').then(({ status }) => status)`,
    )
    t.equal(elsewhere, 403)
    await page.context().close()
  })

  await t.test('who is granted nothing is told so, and so is who comes back twice', async t => {
    const { page } = await open()
    let callback = ''
    page.on('request', request => {
      if (request.url().startsWith(`${url}/oidc/callback`)) callback = request.url()
    })
    await logIn(page, 'eve')
    await page.getByText('Nothing is granted to eve@corp.example here').waitFor()
    t.strictSame(await accessibility(page), [])
    await page.goto(callback)
    await page.getByText('This login was not begun here').waitFor()
    await page.getByRole('link', { name: 'Back to the dashboard' }).click()
    await page.getByLabel('API token').waitFor()
    await page.context().close()
  })

  const timeline = (await api.command('timeline', {})) as { kind: string; [member: string]: unknown }[]
  t.match(
    timeline.filter(({ signed_in: who, refused }) => who ?? refused),
    [
      { signed_in: 'alice@corp.example', sub: 'alice', role: 'admin', issuer },
      { signed_in: 'bob@corp.example', role: 'write' },
      { refused: 'OpenID Connect login', reason: /nothing is granted to eve@corp\.example/ },
      { refused: 'OpenID Connect login', reason: /not begun here/ },
    ],
    'all of it is in the timeline',
  )
  t.notMatch(JSON.stringify(api.lines), SECRET)
})
