import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { approvalRoutes } from './approval-resources.ts'
import { authenticate } from './authenticate.ts'
import { caRoutes } from './ca-resources.ts'
import type { ApiContext } from './context.ts'
import { dnssecRoutes } from './dnssec-resources.ts'
import { eventRoutes } from './events.ts'
import { WEBHOOK_TYPE, webhookRoutes } from './externaldns.ts'
import { type ApiScope, describeRoutes } from './openapi.ts'
import { cryptokeyRoutes } from './pdns/cryptokeys.ts'
import { metadataRoutes } from './pdns/metadata.ts'
import { searchRoutes } from './pdns/search.ts'
import { serverRoutes } from './pdns/servers.ts'
import { zoneLifecycleRoutes } from './pdns/zone-lifecycle.ts'
import { zoneRoutes } from './pdns/zones.ts'
import { sendProblem } from './problem.ts'
import { resourceRoutes } from './resources.ts'
import { sessionRoutes } from './session-resources.ts'
import { tokenRoutes } from './token-resources.ts'
import { viewResourceRoutes } from './view-resources.ts'
import { zoneResourceRoutes } from './zone-resources.ts'

const ROUTES = [
  serverRoutes,
  zoneRoutes,
  zoneLifecycleRoutes,
  metadataRoutes,
  cryptokeyRoutes,
  searchRoutes,
  webhookRoutes,
  resourceRoutes,
  caRoutes,
  approvalRoutes,
  tokenRoutes,
  sessionRoutes,
  eventRoutes,
  viewResourceRoutes,
  zoneResourceRoutes,
  dnssecRoutes,
]

/** The HTTP API on the HTTPS listener; nobody gets in without a token. */
export function serveApi(app: FastifyInstance, context: ApiContext): void {
  app.register(async plain => {
    await describeRoutes(plain)
    const scope = plain.withTypeProvider<TypeBoxTypeProvider>() as unknown as ApiScope
    scope.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, context.log))
    readJson(scope)
    authenticate(scope as unknown as FastifyInstance, context)
    for (const add of ROUTES) add(scope, context)
    scope.get('/api/openapi.json', { schema: { hide: true } }, async () => plain.swagger())
  })
}

/** Bodies in JSON, under the types that clients give them. Clients of the PowerDNS API name the type also where there is no body. */
function readJson(scope: ApiScope): void {
  const parse = scope.getDefaultJsonParser('error', 'error')
  scope.removeContentTypeParser('application/json')
  scope.addContentTypeParser(
    ['application/json', WEBHOOK_TYPE],
    { parseAs: 'string' },
    (request, body: string, done) => (body === '' ? done(null, undefined) : parse(request, body, done)),
  )
}
