import type { Static } from 'typebox'
import { Type as T } from 'typebox'
import type { Written } from '../../../config/kinds.ts'
import { type Name, printName } from '../../../dns/name.ts'
import { makeRdata, Type } from '../../../dns/types.ts'
import { readZoneText } from '../../../zones/file/file.ts'
import { importZone } from '../../../zones/file/import.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { keyText } from '../../../zones/holders.ts'
import { editRRsets, type RRsetEdit } from '../../../zones/update/edit.ts'
import type { ServedZone } from '../../zones/zones.ts'
import { requireRole } from '../authenticate.ts'
import { type ApiContext, actorOf, nameOf, requireDynamic, requireZone, viewsOf, zoneOf } from '../context.ts'
import type { ApiScope } from '../openapi.ts'
import { ApiError } from '../problem.ts'
import { fillingEdits } from './edits.ts'
import { NewZone, ServerParams, Zone, ZoneParams, ZoneSettings } from './schemas.ts'
import { describeZone } from './zone-json.ts'

const MOST_BODY = 64 << 20
/** Errors of a zone that are told. */
const MOST_TOLD = 20
/** Of NS records that are given by their names alone. */
const NS_TTL = 3600

/** Zones that are made and removed over the API. What stands in the configuration is changed there. */
export function zoneLifecycleRoutes(scope: ApiScope, context: ApiContext): void {
  const { created, notes } = context
  const tags = ['zones']
  const path = '/api/v1/servers/:server/zones/:zone'

  const note = async (zone: ServedZone, settings: Static<typeof ZoneSettings>) => {
    const { account, soa_edit: edit, soa_edit_api: editApi } = settings
    const kind = settings.kind?.toLowerCase().replace('primary', 'master')
    const noted = { ACCOUNT: account, 'X-KIND': kind, 'SOA-EDIT': edit, 'SOA-EDIT-API': editApi }
    for (const [what, value] of Object.entries(noted))
      if (value !== undefined)
        await notes.setMetadata(zone.view, keyText(zone.origin), what, value === '' ? [] : [value])
  }

  scope.post(
    '/api/v1/servers/:server/zones',
    {
      bodyLimit: MOST_BODY,
      schema: {
        ...{ tags, summary: 'Makes a zone that takes its records over this API', params: ServerParams, body: NewZone },
        response: { 201: Zone },
      },
    },
    async (request, reply) => {
      requireRole(request, 'admin')
      const { server } = request.params
      const origin = nameOf(request.body.name, 'name', '/name')
      requireZone(request, origin)
      const [view] = viewsOf(context, request, server)
      if (view === undefined) throw new ApiError(422, 'there is no view to make it in')
      if (context.zones.find(view, origin))
        throw new ApiError(409, `Domain '${printName(origin)}' already exists in the view ${view}`)
      const written = writtenZone(origin, request.body)
      const edits = [...nameserverEdits(origin, request.body.nameservers), ...fillingEdits(request.body.rrsets ?? [])]
      await created.create({ view, name: keyText(origin), written })
      const zone = context.zones.find(view, origin)!
      try {
        await fill(zone, request.body.zone, edits, actorOf(request))
        await note(zone, request.body)
      } catch (error) {
        await created.remove(view, origin)
        throw error
      }
      const metadata = await notes.metadata(view, keyText(origin))
      return reply.code(201).send(describeZone(zone, server, metadata))
    },
  )
  scope.put(
    path,
    {
      schema: {
        ...{ tags, summary: 'Changes what is noted of a zone', params: ZoneParams, body: ZoneSettings },
        response: { 204: T.Null() },
      },
    },
    async (request, reply) => {
      requireRole(request, 'admin')
      const zone = zoneOf(context, request, request.params.server, request.params.zone)
      const now = describeZone(zone, request.params.server, new Map())
      const { kind, masters, dnssec } = request.body
      const differs = (what: string) =>
        new ApiError(422, `the ${what} of a zone is in the configuration: change it there`, `/${what}`)
      if (kind !== undefined && roleOf(kind) !== roleOf(now.kind)) throw differs('kind')
      if (dnssec !== undefined && dnssec !== now.dnssec) throw differs('dnssec')
      if (masters && masters.length > 0 && masters.join() !== now.masters.join()) throw differs('masters')
      await note(zone, request.body)
      return reply.code(204).send(null)
    },
  )
  scope.delete(
    path,
    {
      schema: {
        ...{ tags, summary: 'Removes a zone that was made over this API', params: ZoneParams },
        response: { 204: T.Null() },
      },
    },
    async (request, reply) => {
      requireRole(request, 'admin')
      const zone = zoneOf(context, request, request.params.server, request.params.zone)
      const { view, origin } = zone
      if (!created.has(view, origin))
        throw new ApiError(422, `${printName(origin)} is in the configuration: remove it there`)
      await created.remove(view, origin)
      await notes.forget(view, keyText(origin))
      return reply.code(204).send(null)
    },
  )
}

/** Whether content is ours or a primary's; PowerDNS has several words for either, in any case. */
function roleOf(kind: string): 'primary' | 'secondary' {
  switch (kind.toLowerCase()) {
    case 'native':
    case 'master':
    case 'primary':
      return 'primary'
    case 'slave':
    case 'secondary':
      return 'secondary'
    case 'producer':
    case 'consumer':
      throw new ApiError(422, 'catalogs of zones are made in the configuration', '/kind')
    default:
      throw new ApiError(422, `"${kind}" is not a kind of zone`, '/kind')
  }
}

/** The zone as it would be written in a view. */
function writtenZone(
  origin: Name,
  { kind = 'Native', masters, dnssec }: Static<typeof NewZone>,
): { [key: string]: Written } {
  const name = printName(origin)
  if (roleOf(kind) === 'primary')
    return { name, type: 'primary', dynamic: true, ...(dnssec && { dnssec: { sign: true } }) }
  if (!masters || masters.length === 0) throw new ApiError(422, 'a secondary zone needs masters', '/masters')
  return { name, type: 'secondary', primaries: [...masters] }
}

function nameserverEdits(origin: Name, nameservers: readonly string[] = []): RRsetEdit[] {
  if (nameservers.length === 0) return []
  const rdatas = nameservers.map((text, i) =>
    makeRdata('NS', { host: nameOf(text, 'nameserver', `/nameservers/${i}`) }),
  )
  return [{ kind: 'replace', owner: origin, type: Type.NS, ttl: NS_TTL, rdatas }]
}

async function fill(
  zone: ServedZone,
  text: string | undefined,
  edits: readonly RRsetEdit[],
  actor: Parameters<ReturnType<typeof requireDynamic>['write']>[0],
): Promise<void> {
  if (text !== undefined) {
    const primary = requireDynamic(zone)
    const { image, errors } = readZoneText('zone', zone.origin, text)
    if (!image) throw new ApiError(422, tellErrors(errors), '/zone')
    await primary.write(actor, tip => importZone(tip, recordsOfVersion(image.latest()), primary.signed))
  }
  if (edits.length > 0) await requireDynamic(zone).write(actor, tip => editRRsets(tip, edits))
}

/** Of very many errors some tell enough. */
function tellErrors(errors: readonly Error[]): string {
  const told = errors.slice(0, MOST_TOLD).map(({ message }) => message)
  return [...told, ...(errors.length > MOST_TOLD ? ['and more'] : [])].join('; ')
}
