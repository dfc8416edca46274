import { Type as T } from 'typebox'
import { printSocketAddress } from '../../../config/address.ts'
import { printName } from '../../../dns/name.ts'
import { VERSION } from '../../../host/version.ts'
import { requireRole, tokenOf } from '../authenticate.ts'
import { ALL_VIEWS, type ApiContext, viewsOf } from '../context.ts'
import type { ApiScope } from '../openapi.ts'
import { ApiError } from '../problem.ts'
import { coversView } from '../tokens.ts'
import { ServerParams } from './schemas.ts'

/** The version of PowerDNS whose API this is: clients choose by it what they send. */
const API_OF = '4.9.0'

const Server = T.Object(
  {
    type: T.Literal('Server'),
    id: T.String(),
    daemon_type: T.Literal('authoritative'),
    version: T.String({ description: 'of the PowerDNS whose API this is, and ours' }),
    url: T.String(),
    config_url: T.String(),
    zones_url: T.String(),
  },
  { title: 'Server' },
)
const Setting = T.Object(
  { type: T.Literal('ConfigSetting'), name: T.String(), value: T.String() },
  { title: 'ConfigSetting' },
)
const Statistic = T.Object(
  { type: T.Literal('StatisticItem'), name: T.String(), value: T.String() },
  { title: 'StatisticItem' },
)

/** The servers, which are views here, with their settings and statistics. */
export function serverRoutes(scope: ApiScope, context: ApiContext): void {
  const tags = ['servers']
  const versions = T.Array(T.Object({ version: T.Integer(), url: T.String() }))
  scope.get('/api', { schema: { tags, summary: 'The versions of the API', response: { 200: versions } } }, async () => [
    { version: 1, url: '/api/v1' },
  ])
  const entry = T.Object({ server_url: T.String(), api_features: T.Array(T.String()) })
  scope.get('/api/v1', { schema: { tags, summary: 'Where the servers are', response: { 200: entry } } }, async () => ({
    ...{ server_url: '/api/v1/servers{/server}', api_features: [] },
  }))
  scope.get(
    '/api/v1/servers',
    { schema: { tags, summary: 'One server for all views, and one for each', response: { 200: T.Array(Server) } } },
    async request => {
      const token = tokenOf(request)
      const views = context.config().views.filter(({ name }) => coversView(token, name))
      return [ALL_VIEWS, ...views.map(({ name }) => name)].map(serverJson)
    },
  )
  scope.get(
    '/api/v1/servers/:server',
    { schema: { tags, summary: 'A server', params: ServerParams, response: { 200: Server } } },
    async request => {
      viewsOf(context, request, request.params.server)
      return serverJson(request.params.server)
    },
  )
  scope.get(
    '/api/v1/servers/:server/config',
    {
      schema: { tags, summary: 'Settings, without secrets', params: ServerParams, response: { 200: T.Array(Setting) } },
    },
    async request => {
      requireRole(request, 'admin')
      viewsOf(context, request, request.params.server)
      return settings(context)
    },
  )
  scope.get(
    '/api/v1/servers/:server/config/:name',
    {
      schema: {
        ...{ tags, summary: 'A setting', params: T.Object({ server: T.String(), name: T.String() }) },
        response: { 200: Setting },
      },
    },
    async request => {
      requireRole(request, 'admin')
      viewsOf(context, request, request.params.server)
      const found = settings(context).find(({ name }) => name === request.params.name)
      if (!found) throw new ApiError(404, `there is no setting ${request.params.name}`)
      return found
    },
  )
  scope.get(
    '/api/v1/servers/:server/statistics',
    {
      schema: {
        ...{ tags, summary: 'What was counted, by the names that Prometheus has', params: ServerParams },
        querystring: T.Object({ statistic: T.Optional(T.String()) }),
        response: { 200: T.Array(Statistic) },
      },
    },
    async request => {
      viewsOf(context, request, request.params.server)
      const all = statistics(context.statistics())
      const { statistic } = request.query
      const wanted = statistic === undefined ? all : all.filter(({ name }) => name === statistic)
      if (wanted.length === 0 && statistic !== undefined) throw new ApiError(422, `there is no statistic ${statistic}`)
      return wanted
    },
  )
  scope.put(
    '/api/v1/servers/:server/cache/flush',
    {
      schema: {
        ...{ tags, summary: 'Does nothing: no answer outlives the change of its zone', params: ServerParams },
        querystring: T.Object({ domain: T.String() }),
        response: { 200: T.Object({ count: T.Integer(), result: T.String() }) },
      },
    },
    async request => {
      requireRole(request, 'write')
      viewsOf(context, request, request.params.server)
      return { count: 0, result: 'Flushed cache.' }
    },
  )
}

function serverJson(id: string) {
  const url = `/api/v1/servers/${id}`
  return {
    ...{
      type: 'Server' as const,
      id,
      daemon_type: 'authoritative' as const,
      version: `${API_OF}-namestead-${VERSION}`,
    },
    ...{ url, config_url: `${url}/config{/config_setting}`, zones_url: `${url}/zones{/zone}` },
  }
}

function settings({ config }: ApiContext) {
  const { name, listen, views, workers, log } = config()
  const values: Record<string, string> = {
    api: 'yes',
    'local-address': listen.dns.map(printSocketAddress).join(', '),
    'receiver-threads': String(workers),
    'server-id': printName(name).slice(0, -1),
    views: views.map(view => view.name).join(', '),
    'log-dns-queries': log.queries ? 'yes' : 'no',
    version: VERSION,
  }
  return Object.entries(values).map(([key, value]) => ({ type: 'ConfigSetting' as const, name: key, value }))
}

/** The samples of Prometheus' text format. */
function statistics(text: string) {
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const at = line.lastIndexOf(' ')
      return { type: 'StatisticItem' as const, name: line.slice(0, at), value: line.slice(at + 1) }
    })
}
