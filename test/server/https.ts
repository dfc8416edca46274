import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { openTakeover } from '../../server/http/http.ts'
import { HTTPS_LIMITS } from '../../server/listen/connections.ts'
import { listenHttps } from '../../server/listen/https.ts'
import { loadLibc } from '../../server/listen/libc.ts'
import type { ServerCertificate } from '../../server/listen/tls.ts'
import { scratchFolder } from '../scratch.ts'
import { streamOptions } from './listen/stream-options.ts'

/** HTTPS on a loopback port, as serving threads and the main thread have it between them, without DNS. */
export interface HttpsServer {
  port: number
  serve(app: FastifyInstance): Promise<void>
  renew(certificate: ServerCertificate): void
  close(patience: number): Promise<void>
}

export async function openHttps(t: Test, certificate: ServerCertificate): Promise<HttpsServer> {
  const path = join(scratchFolder(t), 'https.sock')
  const takeover = await openTakeover(path)
  const { entrusted } = takeover
  entrusted.renew(certificate)
  const options = streamOptions({ handler: () => 0, limits: HTTPS_LIMITS })
  const libc = loadLibc()
  const whole = libc && { libc, take: entrusted.take.bind(entrusted) }
  const listener = await listenHttps({ address: { address: '127.0.0.1', port: 0 } }, certificate, options, path, whole)
  return {
    port: listener.address.port,
    serve: takeover.serve,
    renew(renewed) {
      entrusted.renew(renewed)
      listener.renew(renewed)
    },
    async close(patience) {
      await Promise.all([takeover.close(patience), listener.close(patience)])
    },
  }
}
