import type { FastifyRequest } from 'fastify'
import { ApiError } from './problem.ts'

/** RFC 9110 §9.2.1: what these ask for changes nothing. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a browser says that a page made the request; programs send no such field. */
export function isFromPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  return site !== undefined && site !== 'none'
}

/** Whether a browser says that the page of another site wants something changed, whatever the credential: no such page has business here. */
export function isForeign({ headers, method }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  return site !== undefined && site !== 'same-origin' && site !== 'none' && !SAFE.has(method)
}

/** Refuses a request that a cookie vouches for unless our own page made it: browsers send cookies along whoever asks. */
export function requireOwnPage(request: FastifyRequest): void {
  const { headers, method, host } = request
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const own =
    site === undefined ? origin === `https://${host}` || (SAFE.has(method) && !origin) : site === 'same-origin'
  if (!own) throw new ApiError(403, 'a session is for the dashboard alone: this was asked for by another page')
}
