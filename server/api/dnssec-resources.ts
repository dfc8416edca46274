import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { printName } from '../../dns/name.ts'
import { requireRole } from './authenticate.ts'
import { type ApiContext, viewsOf, zoneOf } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { described, runCommand } from './resources.ts'

const ZonePath = T.Object({ view: T.String(), zone: T.String() })
const PATH = '/api/v1/views/:view/zones/:zone/dnssec'

/** The keys of signed zones as time moves them: what the parent is to have, and what a person says. All views with a zone of one name share its keys. */
export function dnssecRoutes(scope: ApiScope, context: ApiContext): void {
  const target = (request: FastifyRequest, { view, zone }: { view: string; zone: string }) => {
    const { origin } = zoneOf(context, request, view, zone)
    return { zone: printName(origin), view }
  }
  /** Keys are of every view that has the zone: whoever changes them must have a token for all of these. */
  const change = (request: FastifyRequest, path: { view: string; zone: string }) => {
    requireRole(request, 'admin')
    const { zone, view } = target(request, path)
    for (const other of context.zones) if (printName(other.origin) === zone) viewsOf(context, request, other.view)
    return { zone, view }
  }

  scope.get(
    PATH,
    {
      schema: described('zones', 'The keys and their states, the DS records for the parent, when signatures end', {
        params: ZonePath,
      }),
    },
    async request => runCommand(context, 'zone.dnssec', target(request, request.params)),
  )
  scope.post(
    `${PATH}/ds-seen`,
    { schema: described('zones', 'Says that the parent has the DS records, and no others', { params: ZonePath }) },
    async request => runCommand(context, 'zone.dnssec.ds-seen', change(request, request.params)),
  )
  scope.post(
    `${PATH}/rollover`,
    {
      schema: described('zones', 'Lets new keys take the place of those in use, without a gap', {
        params: ZonePath,
        body: T.Object({
          key: T.Optional(T.Integer({ minimum: 0, maximum: 65_535, description: 'of one key alone' })),
        }),
      }),
    },
    async request =>
      runCommand(context, 'zone.dnssec.rollover', { ...change(request, request.params), ...request.body }),
  )
}
