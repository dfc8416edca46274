import { Type as T } from 'typebox'
import { printPrefix, printSocketAddress } from '../../../config/address.ts'
import { keyText } from '../../../zones/holders.ts'
import type { ServedZone } from '../../zones/zones.ts'
import { requireRole } from '../authenticate.ts'
import { type ApiContext, zoneOf } from '../context.ts'
import type { ApiScope } from '../openapi.ts'
import { ApiError } from '../problem.ts'
import { ZoneParams } from './schemas.ts'

const Metadata = T.Object(
  {
    type: T.Optional(T.Literal('Metadata')),
    kind: T.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
    metadata: T.Array(T.String({ maxLength: 4096 }), { maxItems: 100 }),
  },
  { title: 'Metadata' },
)
const Values = T.Object({
  kind: T.Optional(T.String()),
  metadata: T.Array(T.String({ maxLength: 4096 }), { maxItems: 100 }),
})
const KindParams = T.Object({ ...ZoneParams.properties, kind: T.String() })

/** Kinds that nothing here depends on: what PowerDNS does by them is always so, or never. */
const NOTED = new Set(['SOA-EDIT', 'SOA-EDIT-API', 'SOA-EDIT-DNSUPDATE', 'ACCOUNT', 'API-RECTIFY'])

/** What is noted of a zone; what PowerDNS keeps there and we have in the configuration is shown, and changed there. */
export function metadataRoutes(scope: ApiScope, context: ApiContext): void {
  const { notes } = context
  const path = '/api/v1/servers/:server/zones/:zone/metadata'
  const tags = ['zones']
  const found = (request: Parameters<typeof zoneOf>[1], { server, zone }: { server: string; zone: string }) =>
    zoneOf(context, request, server, zone)
  const all = async (zone: ServedZone) => {
    const noted = await notes.metadata(zone.view, keyText(zone.origin))
    return new Map([...configured(zone), ...noted])
  }
  const set = async (zone: ServedZone, kind: string, values: readonly string[]) => {
    if (!kind.startsWith('X-') && !NOTED.has(kind))
      throw new ApiError(422, `${kind} of a zone is in the configuration, or not known: own kinds begin with X-`)
    await notes.setMetadata(zone.view, keyText(zone.origin), kind, values)
  }
  const json = (kind: string, metadata: readonly string[]) => ({
    type: 'Metadata' as const,
    kind,
    metadata: [...metadata],
  })

  scope.get(
    path,
    { schema: { ...{ tags, summary: 'What is noted', params: ZoneParams }, response: { 200: T.Array(Metadata) } } },
    async request => [...(await all(found(request, request.params)))].map(([kind, values]) => json(kind, values)),
  )
  scope.post(
    path,
    {
      schema: {
        ...{ tags, summary: 'Notes something more', params: ZoneParams, body: Metadata },
        response: { 201: Metadata },
      },
    },
    async (request, reply) => {
      requireRole(request, 'write')
      const zone = found(request, request.params)
      const { kind, metadata } = request.body
      const before = (await notes.metadata(zone.view, keyText(zone.origin))).get(kind) ?? []
      await set(zone, kind, [...before, ...metadata])
      return reply.code(201).send(json(kind, [...before, ...metadata]))
    },
  )
  scope.get(
    `${path}/:kind`,
    { schema: { ...{ tags, summary: 'One kind', params: KindParams }, response: { 200: Metadata } } },
    async request => {
      const { kind } = request.params
      return json(kind, (await all(found(request, request.params))).get(kind) ?? [])
    },
  )
  scope.put(
    `${path}/:kind`,
    {
      schema: {
        ...{ tags, summary: 'Replaces one kind', params: KindParams, body: Values },
        response: { 200: Metadata },
      },
    },
    async request => {
      requireRole(request, 'write')
      const { kind } = request.params
      await set(found(request, request.params), kind, request.body.metadata)
      return json(kind, request.body.metadata)
    },
  )
  scope.delete(
    `${path}/:kind`,
    { schema: { ...{ tags, summary: 'Removes one kind', params: KindParams }, response: { 204: T.Null() } } },
    async (request, reply) => {
      requireRole(request, 'write')
      await set(found(request, request.params), request.params.kind, [])
      return reply.code(204).send(null)
    },
  )
}

/** What the configuration says, by PowerDNS' names for it. */
function configured({ config }: ServedZone): Map<string, string[]> {
  const { transfer, notify, update, primaries } = config
  const addresses = (rules: readonly { from?: Parameters<typeof printPrefix>[0][] }[]) =>
    rules.flatMap(({ from }) => (from ?? []).map(printPrefix))
  const keys = (rules: readonly { key?: Uint8Array | undefined }[]) =>
    rules.flatMap(({ key }) => (key ? [keyText(key)] : []))
  const kinds: Record<string, string[]> = {
    'ALLOW-AXFR-FROM': addresses(transfer),
    'TSIG-ALLOW-AXFR': keys(transfer),
    'ALSO-NOTIFY': notify.map(({ address }) => printSocketAddress(address)),
    'ALLOW-DNSUPDATE-FROM': addresses(update),
    'TSIG-ALLOW-DNSUPDATE': keys(update),
    'AXFR-MASTER-TSIG': keys(primaries ?? []),
  }
  const said = Object.entries(kinds).filter(([, values]) => values.length > 0)
  return new Map(said.map(([kind, values]) => [kind, [...new Set(values)]]))
}
