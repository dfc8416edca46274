import type { FastifyInstance } from 'fastify'
import { type Assets, readAssets } from './assets.ts'
import { COMMON_HEADERS, type Page, renderPage } from './page.ts'

/** The dashboard at `/`. What it shows and does it asks of the API like anybody else, so nothing here needs to know who asks. `login` is what a way to log in is called, beside tokens. */
export function serveDashboard(app: FastifyInstance, login: () => string | undefined): void {
  let read: Assets | undefined
  /** Read when somebody first looks: a start has better things to do. */
  const assetsNow = () => (read ??= readAssets())
  let made: { login: string | undefined; page: Page } | undefined
  const pageFor = (login: string | undefined) => {
    if (made?.login !== login || !made) made = { login, page: renderPage(assetsNow(), login) }
    return made.page
  }

  app.get('/', async (_request, reply) => {
    const page = pageFor(login())
    return reply
      .headers({ ...page.headers, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(page.html)
  })
  app.get('/assets/*', async (request, reply) => {
    const assets = assetsNow()
    const path = request.url.startsWith(assets.prefix) ? request.url.slice(assets.prefix.length) : ''
    const file = assets.files.get(path)
    if (!file) return reply.callNotFound()
    const { type, body, gzip } = file
    const compressed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    return reply
      .headers({ ...COMMON_HEADERS, 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
      .headers(compressed ? { 'content-encoding': 'gzip' } : {})
      .type(type)
      .send(compressed ? gzip : body)
  })
}
