import type { FastifyInstance } from 'fastify'
import { readAssets } from './assets.ts'
import { COMMON_HEADERS, renderPage } from './page.ts'

/** The dashboard at `/`. What it shows and does it asks of the API like anybody else, so nothing here needs to know who asks. */
export function serveDashboard(app: FastifyInstance): void {
  const assets = readAssets()
  const { html, headers } = renderPage(assets)

  app.get('/', async (_request, reply) =>
    reply
      .headers({ ...headers, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(html),
  )
  for (const [path, { type, body, gzip }] of assets.files)
    app.get(assets.prefix + path, async (request, reply) => {
      const compressed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
      return reply
        .headers({ ...COMMON_HEADERS, 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
        .headers(compressed ? { 'content-encoding': 'gzip' } : {})
        .type(type)
        .send(compressed ? gzip : body)
    })
}
