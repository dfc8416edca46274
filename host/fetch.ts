import { type ClientRequest, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'

/** What is asked of an HTTP server. */
export interface FetchRequest {
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  signal?: AbortSignal
}

/** Asks for an http or https URL. Follows no redirects; rejects with what went wrong on the way, not with what the server says. */
export type Fetch = (url: string, request?: FetchRequest) => Promise<Response>

const LARGEST = 1 << 20
/** Milliseconds in which nothing comes. */
const PATIENCE = 5000
/** Fetch §2.2.3: a Response with one of these has no body. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304])

/** As `fetch`, but that servers must have a certificate from these roots (PEM), or the system's, answer soon and in at most 1 MiB. */
export function createFetch(roots?: string): Fetch {
  return (url, { method = 'GET', headers = {}, body, signal } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const common = { method, headers, timeout: PATIENCE, agent: false as const, ...(signal && { signal }) }
    const request = url.startsWith('https:')
      ? requestSecure(url, { ...common, ...(roots !== undefined && { ca: roots }) })
      : requestPlain(url, common)
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer in time`)))
    request.on('error', reject)
    readResponse(request, url).then(resolve, reject)
    request.end(body)
    return promise
  }
}

/** The document at an https URL, as text, from a server whose certificate comes from these roots (PEM), or the system's. Rejects with what went wrong. */
export async function fetchText(url: string, roots: string | undefined): Promise<string> {
  const response = await createFetch(roots)(url)
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
  return response.text()
}

function readResponse(request: ClientRequest, url: string): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  request.on('response', response => {
    const parts: Buffer[] = []
    let length = 0
    response.on('data', (part: Buffer) => {
      length += part.length
      if (length > LARGEST) request.destroy(new Error(`${url} sends more than ${LARGEST} octets`))
      else parts.push(part)
    })
    response.on('end', () => {
      const status = response.statusCode!
      const headers = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
        values.map(value => [name, value] as [string, string]),
      )
      resolve(new Response(WITHOUT_BODY.has(status) ? null : Buffer.concat(parts), { status, headers }))
    })
    response.on('error', reject)
  })
  return promise
}
