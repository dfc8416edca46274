import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import type { Log } from '../host/log.ts'
import type { SocketAddress } from '../host/network.ts'

/** A certificate chain and its key, PEM. */
export interface TlsMaterial {
  certificate: string
  key: string
}

/** Listening sockets of one HTTP role, opened before anything is ready to answer: until `serve` is called it is 503. */
export interface HttpListener {
  /** What was bound, with the ports that the system chose where 0 was asked. */
  readonly bound: readonly SocketAddress[]
  /** Hands every request from now on to `app`. */
  serve(app: FastifyInstance): Promise<void>
  /** Takes a new certificate for connections from now on. */
  useCertificate(material: TlsMaterial): void
  /** Stops accepting, lets requests in flight finish for `patience` milliseconds, then closes. */
  close(patience: number): Promise<void>
}

/** Limits of one HTTP server: slow or idle clients may not hold sockets for ever. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, maxConnections: 10_000 }

/** Binds `addresses`; rejects with the system's error of the first that can't be bound. */
export async function openHttp(addresses: readonly SocketAddress[], tls: boolean): Promise<HttpListener> {
  let current: RequestListener = (_request, response) => {
    response.writeHead(503, { 'retry-after': '1' }).end()
  }
  const servers: (Server | HttpsServer)[] = []
  const listener: RequestListener = (request, response) => current(request, response)
  for (const address of addresses) {
    const server = tls ? createHttpsServer({ ALPNProtocols: ['http/1.1'] }, listener) : createHttpServer(listener)
    Object.assign(server, LIMITS)
    await bind(server, address)
    servers.push(server)
  }
  return {
    bound: servers.map(server => {
      const { address, port } = server.address() as AddressInfo
      return { address, port }
    }),
    async serve(app) {
      await app.ready()
      current = (request, response) => app.routing(request, response)
    },
    useCertificate(material) {
      for (const server of servers)
        (server as HttpsServer).setSecureContext({
          cert: material.certificate,
          key: material.key,
          minVersion: 'TLSv1.2',
        })
    },
    close: patience => closeAll(servers, patience),
  }
}

function bind(server: Server, { address, port }: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, ipv6Only: address.includes(':') }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function closeAll(servers: readonly Server[], patience: number): Promise<void> {
  const closed = servers.map(server => new Promise<void>(resolve => server.close(() => resolve())))
  for (const server of servers) server.closeIdleConnections()
  const cut = setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
  }, patience)
  await Promise.all(closed)
  clearTimeout(cut)
}

/** Requests are small but for JWS and CSR; 64 KiB holds a finalize with a large RSA CSR several times over. */
const BODY_LIMIT = 64 * 1024

/** An empty fastify application with our limits; errors that no route mapped are an RFC 9457 problem without detail. */
export function createApp(log: Log): FastifyInstance {
  const app = fastify({ bodyLimit: BODY_LIMIT, logger: false, routerOptions: { maxParamLength: 512 } })
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) log.error({ requestId: request.id, err: error }, 'request failed')
    const detail = status >= 500 ? 'The server failed; its log has the reason.' : error.message
    return reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, detail })
  })
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .type('application/problem+json')
      .send({ type: 'about:blank', status: 404, detail: `There is nothing at ${request.method} ${request.url}` }),
  )
  return app
}
