import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'
import type { Connection } from '../../host/network.ts'
import { AcmeError, printable } from '../problems.ts'
import type { Attempt, Challenge, ChallengeNetwork, Proof } from './challenge.ts'

/** HTTP challenge (RFC 8555 §8.3, for addresses RFC 8738 §4): the key authorization at a well-known path of the host. */
export const http01: Challenge = {
  type: 'http-01',
  // RFC 8555 §7.1.3: a wildcard names no host that could answer.
  appliesTo: ({ wildcard }) => !wildcard,
  connects: true,
  validate,
}

const MAX_REDIRECTS = 10
/** A key authorization takes less than a hundred octets. */
const MAX_BODY = 4096
const MAX_HEADERS = 16_384
const REDIRECTS = [301, 302, 303, 307, 308]

async function validate({ subject, token, keyAuthorization }: Attempt, network: ChallengeNetwork): Promise<Proof> {
  const { value } = subject.identifier
  const host = isIPv6(value) ? `[${value}]` : value
  const port = network.ports['http-01']
  let url = new URL(`http://${host}${port === 80 ? '' : `:${port}`}/.well-known/acme-challenge/${token}`)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const { status, location, body } = await get(url, network)
    if (REDIRECTS.includes(status) && location !== undefined) {
      url = redirected(url, location, network)
      continue
    }
    if (status !== 200) throw wrong(url, `answered with status ${status}`)
    // RFC 8555 §8.3: white space at the end of the body is ignored.
    if (body.trimEnd() !== keyAuthorization) throw wrong(url, 'holds something else than the key authorization')
    return { address: url.host }
  }
  throw wrong(url, `is the end of more than ${MAX_REDIRECTS} redirects`)
}

/** RFC 8555 §8.3, §10.2: redirects are followed, but only to where a web server stands, so that nobody can have us try other doors. */
function redirected(from: URL, location: string, { ports }: ChallengeNetwork): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (!to || !['http:', 'https:'].includes(to.protocol))
    throw wrong(from, 'redirects to what is no http: or https: URL')
  if (to.username !== '' || to.password !== '') throw wrong(from, 'redirects to a URL with credentials')
  const allowed = [80, 443, ports['http-01'], ports['tls-alpn-01']]
  if (!allowed.includes(portOf(to)))
    throw wrong(from, `redirects to port ${portOf(to)}, where no challenge is looked for`)
  return to
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

interface Reply {
  status: number
  location: string | undefined
  body: string
}

async function get(url: URL, network: ChallengeNetwork): Promise<Reply> {
  const host = url.hostname
  // What a redirect leads to proves control by its content; its certificate may be what is to be renewed.
  const servername = /^[\d.]+$|^\[/.test(host) ? {} : { servername: host }
  const tls = url.protocol === 'https:' ? { tls: { ...servername, rejectUnauthorized: false, fresh: true } } : {}
  const connection = await network.connect(host, portOf(url), tls)
  try {
    return await exchange(url, connection)
  } finally {
    connection.close()
  }
}

function exchange(url: URL, { socket }: Connection): Promise<Reply> {
  return new Promise((resolve, reject) => {
    if (!socket) throw new TypeError('this network has no sockets for HTTP')
    const request: ClientRequest = httpRequest({
      createConnection: () => socket,
      path: url.pathname + url.search,
      headers: { host: url.host, accept: '*/*', 'user-agent': 'namestead (ACME http-01)', connection: 'close' },
      maxHeaderSize: MAX_HEADERS,
    })
    const fail = (error: NodeJS.ErrnoException) =>
      reject(
        new AcmeError('connection', `${printable(url.href)}: ${error.code ?? 'the connection broke'}`, {
          cause: error,
        }),
      )
    request.once('error', fail)
    request.once('response', response => {
      read(response).then(
        body => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }),
        fail,
      )
    })
    request.end()
  })
}

/** The first octets of the body: whatever is longer is no key authorization. */
async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_BODY) break
  }
  return Buffer.concat(chunks).toString('latin1')
}

function wrong(url: URL, what: string): AcmeError {
  return new AcmeError('incorrectResponse', `${printable(url.href)} ${what}`)
}
