/** Makes the pictures of docs/dashboard.md: a daemon with a day's life in it, looked at by Chromium. `node scripts/screenshots.ts`, about a minute. */
import { mkdirSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { removeFolder } from '../test/scratch.ts'
import { launch, openPage, signIn } from '../test/web/browser.ts'
import { liveADay, openScene } from '../test/web/scene.ts'

const TARGET = join(import.meta.dirname, '..', 'docs', 'images')
const MOST_OCTETS = 150_000
/** Seconds of traffic, so that there is something on the charts. */
const TRAFFIC = 60

const WIDE: BrowserContextOptions = { viewport: { width: 1280, height: 800 } }
const DARK: BrowserContextOptions = { ...WIDE, colorScheme: 'dark' }
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 1 }

const ZONE = '#/zones/inside/internal.example.com.'
const EXPLAIN = '#/explain?name=www.internal.example.com'

/** File, look, place, what shows that it is there, and what is done there first. */
const PICTURES: readonly [string, BrowserContextOptions, string, string, ((page: Page) => Promise<void>)?][] = [
  ['overview', WIDE, '#/overview', 'Answers per second, by view'],
  ['overview-dark', DARK, '#/overview', 'Answers per second, by view'],
  ['editor', WIDE, ZONE, '_postgres._tcp', edit],
  ['history', WIDE, `${ZONE}/history`, 'Go back to this', page => page.locator('summary').nth(1).click()],
  ['keys', WIDE, '#/keys', 'still used'],
  ['explain', WIDE, EXPLAIN, 'the first that matches'],
  [
    'certificate',
    DARK,
    '#/certificates?name=www',
    'www.internal.example.com',
    page => page.getByRole('link', { name: 'www.internal.example.com' }).click(),
  ],
  ['phone', PHONE, '#/overview', 'Answers per second, by view'],
]

async function edit(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Edit www.internal.example.com. A' }).click()
  await page.getByRole('textbox', { name: 'Data' }).fill('10.0.20.10\n10.0.20.12')
  await page.getByRole('list', { name: 'What would change' }).waitFor()
}

const folder = mkdtempSync(join(tmpdir(), 'namestead-'))
const [scene, browser] = await Promise.all([openScene(folder), launch()])
const { failed } = await liveADay(scene)
for (let i = 0; i < TRAFFIC * 2; i++) {
  void scene.ask(60 + Math.round(40 * Math.sin(i / 8)))
  await new Promise(resolve => setTimeout(resolve, 500))
}
await failed
mkdirSync(TARGET, { recursive: true })
for (const [name, look, place, shown, act] of PICTURES) {
  const { page } = await openPage(browser, look)
  await signIn(page, scene.url, await scene.token('admin'))
  await page.evaluate(`location.hash = ${JSON.stringify(place)}`)
  await page.getByText(shown).first().waitFor()
  await act?.(page)
  await page.waitForTimeout(1000)
  const path = join(TARGET, `${name}.png`)
  await page.screenshot({ path })
  const { size } = statSync(path)
  console.log(`${path}: ${size} octets`)
  if (size > MOST_OCTETS) process.exitCode = 1
  await page.context().close()
}
await browser.close()
await scene.close()
await removeFolder(folder)
