import type { IncomingMessage, ServerResponse } from 'node:http'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import { VERSION } from '../../host/version.ts'

/** Where routes are declared by schemas that are also their types. */
export type ApiScope = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

const DESCRIPTION = `Zones, records and certificates of one namestead. Everything under /api/v1/servers is the PowerDNS Authoritative HTTP API,
version 1, with one server id for each view beside "localhost". Failures are problems (RFC 9457).`

/** Has every route that is declared in `scope` from now on described at /api/openapi.json (OpenAPI 3.1). */
export async function describeRoutes(scope: FastifyInstance): Promise<void> {
  await scope.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'namestead', version: VERSION, description: DESCRIPTION },
      components: {
        securitySchemes: {
          key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          bearer: { type: 'http', scheme: 'bearer' },
          basic: { type: 'http', scheme: 'basic', description: 'the token as password, with any user name' },
        },
      },
      security: [{ key: [] }, { bearer: [] }, { basic: [] }],
    },
  })
}
