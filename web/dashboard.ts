import type { FastifyInstance } from 'fastify'
import { type Assets, readAssets } from './assets.ts'
import { COMMON_HEADERS, type Page, renderPage } from './page.ts'

/** The dashboard at `/`. What it shows and does it asks of the API like anybody else, so nothing here needs to know who asks. */
export function serveDashboard(app: FastifyInstance): void {
  let made: { assets: Assets; page: Page } | undefined
  /** Read when somebody first looks: a start has better things to do. */
  const make = () => {
    const assets = readAssets()
    return { assets, page: renderPage(assets) }
  }

  app.get('/', async (_request, reply) => {
    const { page } = (made ??= make())
    return reply
      .headers({ ...page.headers, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(page.html)
  })
  app.get('/assets/*', async (request, reply) => {
    const { assets } = (made ??= make())
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
