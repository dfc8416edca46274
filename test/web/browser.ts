import { existsSync } from 'node:fs'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Where Debian and others have it. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(path =>
  existsSync(path),
)

/** What `skip` of a test must be where there is no Chromium: false where there is one, or where INTEROP=required. */
export const withoutChromium: string | false =
  CHROMIUM === undefined && process.env['INTEROP'] !== 'required' && 'needs chromium'

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
}

/** Colours do not fade: what is looked at is what there will be. */
const STILL = { reducedMotion: 'reduce' } as const
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** A page in a context of its own, with what went wrong in it: exceptions, and what the console calls an error. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; wrong: string[] }> {
  const context = await browser.newContext({ ...STILL, ignoreHTTPSErrors: true, timezoneId: 'UTC', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const wrong: string[] = []
  page.on('pageerror', error => wrong.push(error.message))
  page.on('console', message => {
    // A browser calls every answer from 400 on an error; which of them are, tests say themselves.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) wrong.push(message.text())
  })
  return { page, wrong }
}

/** Signs in, by keyboard alone. */
export async function signIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url)
  await page.getByLabel('API token').waitFor()
  await page.keyboard.type(token)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}

/** What axe finds against WCAG 2.2, levels A and AA, and its best practices; or of its colours alone. */
export async function accessibility(page: Page, of: 'all' | 'colours' = 'all'): Promise<string[]> {
  const axe = new AxeBuilder({ page })
  const { violations } = await (of === 'all' ? axe.withTags(TAGS) : axe.withRules('color-contrast')).analyze()
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`,
  )
}
