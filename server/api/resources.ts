import type { FastifyRequest } from 'fastify'
import { Type as T, type TSchema } from 'typebox'
import type { Explanation } from '../../cli/replies.ts'
import { parseName, printName } from '../../dns/name.ts'
import { requireAll, requireRole, tokenOf } from './authenticate.ts'
import { type ApiContext, nameOf, zoneOf } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { ApiError } from './problem.ts'
import { coversName, coversView, coversZone, holderOf, type Token } from './tokens.ts'

const ZonePath = T.Object({ view: T.String(), zone: T.String() })
const Serial = T.Integer({ minimum: 0, maximum: 0xffffffff })
/** What a command gives, as `cli/replies.ts` describes it. */
const Reply = T.Unknown()

/** Our own resources beside those of PowerDNS: the commands of the control socket, for holders of tokens. */
export function resourceRoutes(scope: ApiScope, context: ApiContext): void {
  explainRoutes(scope, context)
  historyRoutes(scope, context)
  daemonRoutes(scope, context)
}

/** Runs a command of the control socket. What this daemon has not (a CA, for one) is not found. */
export async function runCommand(context: ApiContext, name: string, args: object): Promise<unknown> {
  const command = context.commands[name]
  if (!command) throw new ApiError(404, `this daemon has no ${name.split('.')[0]}`)
  return command(args as Record<string, unknown>, () => {})
}

/** A route's schema, with the pieces that all have. */
export function described<Parts extends Record<string, TSchema>>(tag: string, summary: string, parts: Parts) {
  return { ...parts, tags: [tag], summary, response: { 200: Reply } }
}

function explainRoutes(scope: ApiScope, context: ApiContext): void {
  const querystring = T.Object({
    name: T.String(),
    type: T.Optional(T.String()),
    from: T.Optional(T.String({ description: "the client's address" })),
    key: T.Optional(T.String({ description: 'the TSIG key that the client signs with' })),
  })
  scope.get(
    '/api/v1/explain',
    { schema: described('explain', 'What a client gets for a name, from where, and why', { querystring }) },
    async request => {
      const token = tokenOf(request)
      const { name, type, from, key } = request.query
      if (!coversName(token, nameOf(name, 'name')))
        throw new ApiError(403, `${holderOf(token)} is for no zone of ${name}`)
      const args = { name, type, from, key, views: token.views }
      const told = (await runCommand(context, 'explain', args)) as Explanation
      if (told.view !== undefined && !coversView(token, told.view))
        throw new ApiError(403, `${holderOf(token)} is not for the view ${told.view}`)
      return shownTo(token, told)
    },
  )
}

/** Who changed what in a zone is for its own tokens: a name may be, or lead, in another one. */
function shownTo(token: Token, told: Explanation): Explanation {
  if (!told.zone || coversZone(token, parseName(told.zone.name))) return told
  const { owner: _owner, changed: _changed, ...rest } = told
  return rest
}

function historyRoutes(scope: ApiScope, context: ApiContext): void {
  const path = '/api/v1/views/:view/zones/:zone'
  const target = (request: FastifyRequest, { view, zone }: { view: string; zone: string }) => {
    const { origin } = zoneOf(context, request, view, zone)
    return { zone: printName(origin), view }
  }
  const limit = T.Object({ limit: T.Optional(T.Integer({ minimum: 1, maximum: 10_000 })) })
  scope.get(
    `${path}/history`,
    { schema: described('history', 'Who changed what, the newest first', { params: ZonePath, querystring: limit }) },
    async request => runCommand(context, 'zone.history', { ...target(request, request.params), ...request.query }),
  )
  scope.get(
    `${path}/at`,
    {
      schema: described('history', 'The zone as it was', {
        params: ZonePath,
        querystring: T.Object({ serial: Serial }),
      }),
    },
    async request => runCommand(context, 'zone.at', { ...target(request, request.params), ...request.query }),
  )
  scope.post(
    `${path}/revert`,
    {
      schema: described('history', 'Makes the zone again what it was', {
        ...{ params: ZonePath, body: T.Object({ to: Serial, dry_run: T.Optional(T.Boolean()) }) },
      }),
    },
    async request => {
      requireRole(request, 'write')
      const source = `api ${request.ip} ${tokenOf(request).name}`
      return runCommand(context, 'zone.revert', { ...target(request, request.params), ...request.body, source })
    },
  )
}

function daemonRoutes(scope: ApiScope, context: ApiContext): void {
  const time = T.Optional(T.String({ description: 'ISO 8601' }))
  scope.get(
    '/api/v1/timeline',
    {
      schema: described('history', 'Changes of zones, and what the CA did, in order', {
        querystring: T.Object({ since: time, until: time }),
      }),
    },
    async request => {
      requireAll(request, 'read')
      return runCommand(context, 'timeline', request.query)
    },
  )
  scope.get('/api/v1/status', { schema: described('daemon', 'The daemon at a glance', {}) }, async request => {
    requireAll(request, 'read')
    return runCommand(context, 'status', {})
  })
  scope.get(
    '/api/v1/keys',
    {
      schema: described('daemon', 'The TSIG keys without their secrets, what they are for, and how they are used', {}),
    },
    async request => {
      requireAll(request, 'read')
      return runCommand(context, 'keys', {})
    },
  )
}
