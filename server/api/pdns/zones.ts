import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { printName } from '../../../dns/name.ts'
import { printZonefile } from '../../../dns/zonefile.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { keyText } from '../../../zones/holders.ts'
import { requireUnreserved } from '../../../zones/policy.ts'
import { editRRsets } from '../../../zones/update/edit.ts'
import { isSecondary, type ServedZone } from '../../zones/zones.ts'
import { requireRole } from '../authenticate.ts'
import { type ApiContext, actorOf, nameOf, requireDynamic, zoneOf, zonesOf } from '../context.ts'
import type { ApiScope } from '../openapi.ts'
import { ApiError } from '../problem.ts'
import { commentsOf, editsOf } from './edits.ts'
import { ServerParams, Zone, ZoneChange, ZoneParams } from './schemas.ts'
import { describeZone, zoneText } from './zone-json.ts'

/** Octets of a change, or of a whole zone. */
const MOST_BODY = 16 << 20

interface ZonePath {
  server: string
  zone: string
}

/** Zones as they are, and changes of their records. */
export function zoneRoutes(scope: ApiScope, context: ApiContext): void {
  const { notes, clock } = context
  const path = '/api/v1/servers/:server/zones/:zone'
  const found = (request: FastifyRequest, { server, zone }: ZonePath) => zoneOf(context, request, server, zone)
  const noted = (zone: ServedZone) => notes.metadata(zone.view, keyText(zone.origin))
  const tags = ['zones']

  scope.get(
    '/api/v1/servers/:server/zones',
    {
      schema: {
        ...{ tags, summary: 'The zones that the token is for', params: ServerParams },
        querystring: T.Object({ zone: T.Optional(T.String()), dnssec: T.Optional(T.Boolean()) }),
        response: { 200: T.Array(Zone) },
      },
    },
    async request => {
      const { server } = request.params
      const name = request.query.zone === undefined ? undefined : keyText(nameOf(request.query.zone, 'zone'))
      const zones = zonesOf(context, request, server).filter(
        zone => name === undefined || keyText(zone.origin) === name,
      )
      return Promise.all(zones.map(async zone => describeZone(zone, server, await noted(zone))))
    },
  )
  scope.get(
    path,
    {
      schema: {
        ...{ tags, summary: 'A zone with its records', params: ZoneParams },
        querystring: T.Object({
          rrsets: T.Optional(T.Boolean({ default: true })),
          rrset_name: T.Optional(T.String()),
          rrset_type: T.Optional(T.String()),
        }),
      },
    },
    async (request, reply) => {
      const zone = found(request, request.params)
      const { rrsets, rrset_name: name, rrset_type: type } = request.query
      const head = describeZone(zone, request.params.server, await noted(zone))
      if (rrsets === false) return head
      const comments = await notes.comments(zone.view, keyText(zone.origin))
      const filter = { name: name === undefined ? undefined : keyText(nameOf(name, 'rrset_name')), type }
      return reply.type('application/json').send(Readable.from(zoneText(zone, head, comments, filter)))
    },
  )
  scope.patch(
    path,
    {
      bodyLimit: MOST_BODY,
      schema: {
        ...{ tags, summary: 'Changes RRsets, all or none', params: ZoneParams, body: ZoneChange },
        response: { 204: T.Null() },
      },
    },
    async (request, reply) => {
      requireRole(request, 'write')
      const zone = requireDynamic(found(request, request.params))
      const { rrsets } = request.body
      const edits = editsOf(rrsets)
      for (const { owner } of edits) requireUnreserved({ reserved: zone.config.reserved, origin: zone.origin }, owner)
      const comments = commentsOf(rrsets, clock.now())
      if (edits.length > 0) await zone.writeAlong(actorOf(request), tip => editRRsets(tip, edits))
      if (comments.length > 0) await notes.setComments(zone.view, keyText(zone.origin), comments)
      return reply.code(204).send(null)
    },
  )
  scope.get(
    `${path}/export`,
    { schema: { ...{ tags, summary: 'The zone as a master file (RFC 1035 §5)', params: ZoneParams } } },
    async (request, reply) => {
      const zone = found(request, request.params)
      if (!zone.image) throw new ApiError(409, `${printName(zone.origin)} has nothing to serve`)
      return reply
        .type('text/plain; charset=utf-8')
        .send(printZonefile(recordsOfVersion(zone.image.latest()), zone.origin))
    },
  )
  const done = T.Object({ result: T.String() })
  const act = (action: string, summary: string, run: (zone: ServedZone) => string) =>
    scope.put(
      `${path}/${action}`,
      { schema: { ...{ tags, summary, params: ZoneParams }, response: { 200: done } } },
      async request => {
        requireRole(request, 'write')
        return { result: run(found(request, request.params)) }
      },
    )
  act('notify', "Tells the zone's secondaries of it (RFC 1996)", zone => {
    context.notifySecondaries(zone)
    return 'Notification queued'
  })
  act('axfr-retrieve', 'Asks the primaries of a secondary zone at once', zone => {
    if (!isSecondary(zone)) throw new ApiError(422, `${printName(zone.origin)} is not a secondary zone`)
    zone.refreshSoon()
    return `Added retrieval request for '${printName(zone.origin)}' from primary`
  })
  act('rectify', 'Does nothing: signatures and proofs are in step with every change', () => 'Rectified')
}
