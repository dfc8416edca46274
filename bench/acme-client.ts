/** An ACME client that costs little itself: one account, many orders at once over connections that stay open. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { Agent, request } from 'node:https'

/** Where an ACME server is, and how a name of it is proved. */
export interface AcmeTarget {
  directory: string
  /** Publishes a TXT record where the server looks; resolves once it is there. */
  publish(name: string, text: string): Promise<void>
  /** Takes it away again. */
  withdraw?(name: string, text: string): Promise<void>
}

/** One order as it went, in milliseconds. */
export interface OrderTimes {
  /** From the first request to the certificate. */
  whole: number
  /** From the publishing of the record to the certificate. */
  fromUpdate: number
}

interface Reply {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

const POLL = 5
export const USER_AGENT = 'namestead-bench'

/** Registers an account at the server. */
export async function openAcmeClient(target: AcmeTarget) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, rejectUnauthorized: false })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })
  const jwk = { crv, kty, x, y }
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  const nonces: string[] = []
  let kid: string | undefined

  const send = (method: string, url: string, body?: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      // RFC 8555 §6.1: clients say who they are.
      const headers = {
        'user-agent': USER_AGENT,
        ...(body !== undefined && {
          'content-type': 'application/jose+json',
          'content-length': Buffer.byteLength(body),
        }),
      }
      const sent = request(url, { method, agent, headers }, response => {
        const chunks: Buffer[] = []
        response
          .on('data', chunk => chunks.push(chunk))
          .on('end', () => {
            const nonce = response.headers['replay-nonce']
            if (typeof nonce === 'string') nonces.push(nonce)
            resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() })
          })
      })
      const failed = (error: NodeJS.ErrnoException) => {
        // The server had closed the connection, which was idle for long; a nonce makes it safe to send the request again.
        if (sent.reusedSocket && error.code === 'ECONNRESET') send(method, url, body).then(resolve, reject)
        else reject(error)
      }
      sent.on('error', failed).end(body)
    })
  const directory = JSON.parse((await send('GET', target.directory)).text) as Record<string, string>

  const post = async (url: string, payload: object | ''): Promise<Reply> => {
    for (let tries = 0; ; tries++) {
      if (nonces.length === 0) await send('HEAD', directory['newNonce']!)
      const header = { alg: 'ES256', nonce: nonces.pop(), url, ...(kid === undefined ? { jwk } : { kid }) }
      const reply = await send('POST', url, signed(header, payload, privateKey))
      if (reply.status < 400) return reply
      if (tries === 5 || !/badNonce|rateLimited/.test(reply.text)) throw new Error(`${url}: ${reply.text}`)
    }
  }
  const ask = async (url: string, payload: object | '' = '') => JSON.parse((await post(url, payload)).text)
  const until = async (url: string, done: string) => {
    for (;;) {
      const resource = await ask(url)
      if (resource.status === done) return resource
      if (resource.status === 'invalid') throw new Error(JSON.stringify(resource))
      await new Promise(resolve => setTimeout(resolve, POLL))
    }
  }

  const account = await post(directory['newAccount']!, { termsOfServiceAgreed: true })
  kid = String(account.headers['location'])

  /** A whole order for one name: newOrder, dns-01, finalize, download. */
  const order = async (name: string, csr: string): Promise<OrderTimes> => {
    const begun = performance.now()
    const created = await post(directory['newOrder']!, { identifiers: [{ type: 'dns', value: name }] })
    const location = String(created.headers['location'])
    const { authorizations, finalize } = JSON.parse(created.text)
    const authorization = await ask(authorizations[0])
    const updated = performance.now()
    let withdraw: (() => Promise<void>) | undefined
    if (authorization.status !== 'valid') {
      const { token, url } = authorization.challenges.find(({ type }: { type: string }) => type === 'dns-01')
      const digest = createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url')
      const owner = `_acme-challenge.${name}`
      await target.publish(owner, digest)
      withdraw = async () => target.withdraw?.(owner, digest)
      const answered = await ask(url, {})
      if (answered.status !== 'valid') await until(authorizations[0], 'valid')
    }
    const finalized = await ask(finalize, { csr })
    const valid = finalized.status === 'valid' ? finalized : await until(location, 'valid')
    const { text } = await post(valid.certificate, '')
    if (!text.includes('BEGIN CERTIFICATE')) throw new Error('no certificate came')
    const ended = performance.now()
    await withdraw?.()
    return { whole: ended - begun, fromUpdate: ended - updated }
  }
  return { order, close: () => agent.destroy() }
}

function signed(header: object, payload: object | '', key: KeyObject): string {
  const encoded = Buffer.from(JSON.stringify(header)).toString('base64url')
  const body = payload === '' ? '' : Buffer.from(JSON.stringify(payload)).toString('base64url')
  const signature = sign('sha256', Buffer.from(`${encoded}.${body}`), { key, dsaEncoding: 'ieee-p1363' })
  return JSON.stringify({ protected: encoded, payload: body, signature: signature.toString('base64url') })
}
