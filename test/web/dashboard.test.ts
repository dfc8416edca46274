import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { removeFolder, scratchFolder } from '../scratch.ts'
import { accessibility, launch, openPage, signIn, withoutChromium } from './browser.ts'
import { liveADay, openScene, type Scene } from './scene.ts'

const ZONE = '#/zones/inside/internal.example.com.'
const DESK = { width: 1280, height: 800 }
const PHONE = { width: 390, height: 844 }
const FITS = 'document.documentElement.scrollWidth <= innerWidth'

/** Every page, and what shows that it is there. */
const PAGES: readonly (readonly [string, string])[] = [
  ['#/overview', 'Answers per second, by view'],
  ['#/zones', '0.10.in-addr.arpa.'],
  [ZONE, '_postgres._tcp'],
  [`${ZONE}/history`, 'dnssec'],
  [`${ZONE}/dnssec`, 'IN DS'],
  ['#/compare?name=internal.example.com.&one=inside&other=outside', 'no show rule covers it'],
  ['#/explain?name=www.internal.example.com', 'the first that matches client 127.0.0.1'],
  ['#/certificates', 'git.internal.example.com'],
  ['#/orders', 'no issue rule covers this name'],
  ['#/approvals', 'vpn.internal.example.com'],
  ['#/keys', 'leads to view inside'],
  ['#/policies', '**.apps.internal.example.com'],
  ['#/queries', 'RCODE'],
]
/** Those that have all colours between them. */
const IN_DARK = new Set(['#/overview', ZONE, '#/orders', '#/keys', '#/queries'])

t.test('the dashboard in Chromium', { skip: withoutChromium, timeout: 240_000 }, async t => {
  const folder = scratchFolder(t)
  const [scene, browser] = await Promise.all([openScene(folder), launch()])
  t.teardown(async () => {
    await browser.close()
    await scene.close()
    await removeFolder(folder)
  })
  const { failed } = await liveADay(scene)
  const asking = setInterval(() => void scene.ask(5), 500)
  t.teardown(() => clearInterval(asking))
  await everyPage(t, scene, browser)
  await edits(t, scene, browser)
  await keys(t, scene, browser)
  await words(t, scene, browser)
  await byKeyboard(t, scene, browser)
  await whoMayOnlyLook(t, scene, browser)
  await failed
  await failures(t, scene, browser)
})

/** The name of what has the focus, in the page. */
const FOCUSED = `(() => {
  const one = document.activeElement
  const labels = [...(one.labels ?? [])].map(label => label.innerText)
  return one.getAttribute('aria-label') ?? (labels.join() || one.innerText)
})()`
/** A change as the page would ask for it; gives the status. */
const EDIT = `fetch('/api/v1/views/inside/zones/internal.example.com./edit', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"rrsets":[{"name":"www.internal.example.com.","type":"A","changetype":"DELETE"}]}',
}).then(({ status }) => status)`

async function visit(page: Page, place: string, shown: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(place)}`)
  await page.getByText(shown).first().waitFor()
}

/** Whether nothing stands out at the side, once the page has taken its new width. */
function fits(page: Page): Promise<boolean> {
  return page.waitForFunction(FITS, undefined, { timeout: 5000 }).then(
    () => true,
    () => false,
  )
}

const everyPage = (t: Test, scene: Scene, browser: Browser) =>
  t.test('every page, in light, in dark and on a phone, is there and is accessible', async t => {
    const { page, wrong } = await openPage(browser)
    await page.goto(scene.url)
    await page.getByLabel('API token').waitFor()
    t.strictSame(await accessibility(page), [], 'signing in')
    await signIn(page, scene.url, await scene.token('admin'))
    for (const [place, shown] of PAGES) {
      await visit(page, place, shown)
      t.strictSame(await accessibility(page), [], place)
      if (IN_DARK.has(place)) {
        await page.emulateMedia({ colorScheme: 'dark' })
        t.strictSame(await accessibility(page, 'colours'), [], `${place} in dark`)
        await page.emulateMedia({ colorScheme: 'light' })
      }
      await page.setViewportSize(PHONE)
      t.ok(await fits(page), `${place} on a phone: nothing stands out at the side`)
      await page.setViewportSize(DESK)
    }
    t.strictSame(wrong, [], 'nothing went wrong')
    await page.context().close()
  })

const edits = (t: Test, scene: Scene, browser: Browser) =>
  t.test('a change is refused in the words of the zone, looked at, made, and taken back', async t => {
    const { page, wrong } = await openPage(browser)
    await signIn(page, scene.url, await scene.token('write'))
    await visit(page, ZONE, '_postgres._tcp')
    await page.getByRole('button', { name: 'Edit www.internal.example.com. A' }).click()
    const data = page.getByRole('textbox', { name: 'Data' })
    await data.fill('10.0.20.999')
    await page.getByText('A "10.0.20.999":').waitFor()
    t.ok(await page.getByRole('button', { name: 'Put on the list' }).isDisabled())
    await data.fill('10.0.20.12')
    await page.getByRole('button', { name: 'Put on the list' }).click()
    await page.getByText('One change to be made').waitFor()
    const diff = page.getByRole('list', { name: 'What would change' })
    await diff.waitFor()
    t.match(await diff.textContent(), /−\s*www\S+ 300 IN A 10\.0\.20\.10[\s\S]*\+\s*www\S+ 300 IN A 10\.0\.20\.12/)
    await page.getByRole('button', { name: 'Make the changes' }).click()
    await page.getByRole('cell', { name: '10.0.20.12' }).waitFor()
    await visit(page, `${ZONE}/history`, 'Go back to this')
    await page
      .getByRole('button', { name: /^Go back to serial/ })
      .first()
      .click()
    await page.getByRole('dialog').getByText('IN A 10.0.20.10').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Go back' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await visit(page, ZONE, '10.0.20.10')
    t.strictSame(wrong, [])
    await page.context().close()
  })

const keys = (t: Test, scene: Scene, browser: Browser) =>
  t.test('keys are made, shown once, and revoked; the secret that goes is seen to be used', async t => {
    const { page, wrong } = await openPage(browser)
    await signIn(page, scene.url, await scene.token('admin'))
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
    await visit(page, '#/keys', 'still used')
    t.match(await page.getByRole('row', { name: /^xfr\./ }).textContent(), /transfer: internal.*still used/s)

    await press('Make a token')
    await page.getByLabel('Name', { exact: false }).fill('grafana')
    await page.getByLabel('Zones', { exact: false }).fill('internal.example.com, not..a.name')
    await press('Make it')
    await page.getByRole('dialog').getByRole('alert').getByText('not..a.name').waitFor()
    await page.getByLabel('Zones', { exact: false }).fill('internal.example.com')
    await press('Make it')
    const shown = await page.getByRole('dialog').getByLabel('Token').inputValue()
    t.match(shown, /^nst_/)
    t.strictSame(await accessibility(page), [], 'what is shown once')
    t.equal(await statusOf(scene, '/api/v1/zones', shown), 200)
    await press('I have kept it')
    t.notMatch(await page.content(), shown, 'and then it is nowhere')
    await press('Revoke grafana')
    await press('Revoke')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    t.equal(await statusOf(scene, '/api/v1/zones', shown), 401)

    await press('Make a binding key')
    await page.getByLabel('Holder', { exact: false }).fill('cluster-a')
    await press('Make it')
    t.ok((await page.getByLabel('HMAC key').inputValue()).length > 40)
    await press('I have kept it')
    await press('Revoke the key of cluster-a')
    await press('Revoke')
    await page.getByText(/^revoked \d/).waitFor()
    t.strictSame(wrong, [])
    await page.context().close()
  })

const words = (t: Test, scene: Scene, browser: Browser) =>
  t.test("a person's word: on names that are reserved, and on what the parent zone has", async t => {
    const { page, wrong } = await openPage(browser)
    await signIn(page, scene.url, await scene.token('admin'))
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
    await visit(page, '#/approvals', 'vpn.internal.example.com')
    await press('Approve vpn.internal.example.com')
    await page.getByLabel('Holds for days', { exact: false }).fill('30')
    t.strictSame(await accessibility(page), [], 'the question')
    await press('Approve')
    await page.getByText('No name waits for a person.').waitFor()
    await page.getByLabel('decided, too').check()
    await page.getByText(/^approved until/).waitFor()

    await visit(page, `${ZONE}/dnssec`, 'Roll over')
    await press('Roll over')
    await press('Begin')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('row').nth(2).waitFor()
    const { keys: after } = await scene.command('zone.dnssec', { zone: 'internal.example.com', view: 'inside' })
    t.equal(after.length, 2, 'a new key stands beside the one in use')
    t.strictSame(wrong, [])
    await page.context().close()
  })

/** The status that a request with a token gets. */
async function statusOf({ url }: Scene, path: string, token: string): Promise<number> {
  const outgoing = request(`${url}${path}`, {
    ...{ headers: { 'x-api-key': token }, rejectUnauthorized: false, agent: false },
  }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode!
}

const byKeyboard = (t: Test, scene: Scene, browser: Browser) =>
  t.test('with the keyboard alone: from signing in to a record that is there', async () => {
    const { page } = await openPage(browser)
    await signIn(page, scene.url, await scene.token('write'))
    const press = (key: string) => page.keyboard.press(key)
    /** Moves on until what has the focus has this name. */
    const reach = async (name: string | RegExp) => {
      for (let i = 0; i < 80; i++) {
        const at = String(await page.evaluate(FOCUSED))
        if (typeof name === 'string' ? at.startsWith(name) : name.test(at)) return
        await press('Tab')
      }
      throw new Error(`${name} is not to be reached`)
    }
    await reach(/^Zones$/)
    await press('Enter')
    await page.getByText('0.10.in-addr.arpa.').waitFor()
    await reach('internal.example.com.')
    await press('Enter')
    await page.getByText('_postgres._tcp').waitFor()
    await reach('Add records')
    await press('Enter')
    await reach('Name')
    await page.keyboard.type('keys')
    await reach('Data')
    await page.keyboard.type('10.0.20.77')
    await page.getByText('keys.internal.example.com. 300 IN A 10.0.20.77').waitFor()
    await reach('Put on the list')
    await press('Enter')
    await page.getByText('One change to be made').waitFor()
    await page.getByRole('button', { name: 'Make the changes' }).isEnabled()
    await page.evaluate("document.getElementById('main').focus()")
    await reach('Make the changes')
    await press('Enter')
    await page.getByRole('cell', { name: '10.0.20.77' }).waitFor()
    await page.context().close()
  })

const whoMayOnlyLook = (t: Test, scene: Scene, browser: Browser) =>
  t.test('who may only look, at one zone, sees that and nothing to change it with', async t => {
    const { page, wrong } = await openPage(browser)
    await signIn(page, scene.url, await scene.token('read', ['internal.example.com']))
    t.strictSame(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts(), [
      ...['Zones', 'Side by side', 'Explain', 'Certificates', 'Orders'],
    ])
    await visit(page, ZONE, '_postgres._tcp')
    t.equal(await page.getByRole('button', { name: /Add|Edit|Delete/ }).count(), 0)
    await visit(page, `${ZONE}/history`, 'dnssec')
    t.equal(await page.getByRole('button', { name: /Go back/ }).count(), 0)
    const status = await page.evaluate(EDIT)
    t.equal(status, 403, 'and the server refuses')
    const kept = String(await page.evaluate('document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })'))
    t.notMatch(kept, 'nst_', 'the page keeps no token')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API token').waitFor()
    t.strictSame(wrong, [])
    await page.context().close()
  })

const failures = (t: Test, scene: Scene, browser: Browser) =>
  t.test('what failed says why, and a wrong token too', async t => {
    const { page } = await openPage(browser)
    await page.goto(scene.url)
    await page.getByLabel('API token').fill('nst_000000000000_wrong')
    await page.keyboard.press('Enter')
    await page.getByText('the token is not known, or does not hold any more').waitFor()
    await signIn(page, scene.url, await scene.token('admin'))
    await visit(page, '#/orders', 'there is no TXT record at _acme-challenge.db.internal.example.com.')
    await visit(page, '#/queries', 'answer cache')
    await page.getByRole('button', { name: 'Pause' }).click()
    await visit(page, '#/certificates', 'www.internal.example.com')
    await page.getByRole('link', { name: 'www.internal.example.com' }).click()
    await page.getByRole('heading', { name: 'Timeline' }).waitFor()
    t.strictSame(await accessibility(page), [])
    await visit(page, '#/explain?name=nothing.internal.example.com', 'NXDOMAIN: internal.example.com.')
    await page.context().close()
  })
