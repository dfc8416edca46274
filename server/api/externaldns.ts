import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type as T } from 'typebox'
import { TextError } from '../../dns/errors.ts'
import { isSubdomain, type Name, printName, ROOT } from '../../dns/name.ts'
import { parseRdataText, printRdata, Type, typeName } from '../../dns/types.ts'
import { requireUnreserved } from '../../zones/policy.ts'
import type { PrimaryZone } from '../../zones/primary.ts'
import { editRRsets, type RRsetEdit } from '../../zones/update/edit.ts'
import type { ServedZone } from '../zones/zones.ts'
import { requireRole } from './authenticate.ts'
import { type ApiContext, actorOf, nameOf, requireDynamic, zonesOf } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { typeOf } from './pdns/edits.ts'
import { shownRRsets } from './pdns/zone-json.ts'
import { ApiError } from './problem.ts'

/** The media type of ExternalDNS' webhooks, without the version that its answers must name. */
export const WEBHOOK_TYPE = 'application/external.dns.webhook+json'
const ANSWER_TYPE = `${WEBHOOK_TYPE};version=1`

const Endpoint = T.Object(
  {
    dnsName: T.String(),
    targets: T.Optional(T.Array(T.String(), { maxItems: 1000 })),
    recordType: T.String(),
    recordTTL: T.Optional(
      T.Integer({ minimum: 0, maximum: 0x7fffffff, description: '0 is whatever the server chooses' }),
    ),
    setIdentifier: T.Optional(T.String()),
    labels: T.Optional(T.Record(T.String(), T.String())),
    providerSpecific: T.Optional(T.Array(T.Unknown())),
  },
  { title: 'Endpoint' },
)
type Endpoint = Static<typeof Endpoint>

// Go writes a list of nothing as null.
const Endpoints = T.Optional(T.Union([T.Array(Endpoint, { maxItems: 10_000 }), T.Null()]))
const Changes = T.Object(
  { create: Endpoints, updateOld: Endpoints, updateNew: Endpoints, delete: Endpoints },
  { title: 'Changes' },
)
const ViewParams = T.Object({ view: T.String({ description: 'the name of a view, or "localhost" for all' }) })

/** What ExternalDNS is shown: it knows no other types. */
const SHOWN = new Set<number>([
  Type.A,
  Type.AAAA,
  Type.CNAME,
  Type.TXT,
  Type.SRV,
  Type.NS,
  Type.PTR,
  Type.MX,
  Type.NAPTR,
])
/** Of a record that comes without one. */
const DEFAULT_TTL = 300
const MOST_BODY = 16 << 20

/** ExternalDNS' webhook provider: one URL for each view, so that one ExternalDNS keeps one view. */
export function webhookRoutes(scope: ApiScope, context: ApiContext): void {
  const tags = ['externaldns']
  const path = '/externaldns/:view'
  const dynamic = (request: FastifyRequest, view: string) =>
    zonesOf(context, request, view).filter(zone => zone.config.type === 'primary' && zone.config.dynamic)

  for (const url of [path, `${path}/`])
    scope.get(
      url,
      { schema: { ...{ tags, summary: 'Negotiates, and names the domains that are kept here', params: ViewParams } } },
      async (request, reply) => {
        const zones = dynamic(request, request.params.view)
        return answer(reply, { include: zones.map(({ origin }) => dotless(printName(origin))) })
      },
    )
  scope.get(
    `${path}/records`,
    { schema: { ...{ tags, summary: 'The records as endpoints', params: ViewParams } } },
    async (request, reply) =>
      answer(
        reply,
        dynamic(request, request.params.view).flatMap(zone => [...endpointsOf(zone)]),
      ),
  )
  scope.post(
    `${path}/records`,
    {
      bodyLimit: MOST_BODY,
      schema: {
        ...{ tags, summary: 'Changes records; of each zone all or none', params: ViewParams, body: Changes },
        response: { 204: T.Null() },
      },
    },
    async (request, reply) => {
      requireRole(request, 'write')
      const edits = editsByZone(dynamic(request, request.params.view), request.body)
      for (const [zone, wanted] of edits)
        for (const { owner } of wanted)
          requireUnreserved({ reserved: zone.config.reserved, origin: zone.origin }, owner)
      // What one zone refuses must not find another one changed.
      for (const [zone, wanted] of edits) editRRsets(zone.contents, wanted)
      for (const [zone, wanted] of edits) await zone.writeAlong(actorOf(request), tip => editRRsets(tip, wanted))
      return reply.code(204).send(null)
    },
  )
  scope.post(
    `${path}/adjustendpoints`,
    {
      bodyLimit: MOST_BODY,
      schema: { ...{ tags, summary: 'Endpoints as they would be kept', params: ViewParams, body: Endpoints } },
    },
    async (request, reply) => answer(reply, request.body ?? []),
  )
}

/** Its client compares the type octet by octet, so nothing may add a charset to it. */
function answer(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header('content-type', ANSWER_TYPE).send(Buffer.from(JSON.stringify(value)))
}

function* endpointsOf(zone: ServedZone): Generator<Endpoint> {
  const version = zone.image?.latest()
  for (const { owner, type, ttl, rdatas } of version ? shownRRsets(zone, version) : []) {
    if (!SHOWN.has(type)) continue
    const targets = rdatas.map(rdata => targetText(type, printRdata(type, rdata)))
    yield { dnsName: dotless(printName(owner)), targets, recordType: typeName(type), recordTTL: ttl }
  }
}

function targetText(type: number, text: string): string {
  return type === Type.TXT ? text : dotless(text)
}

function dotless(text: string): string {
  return text.replace(/\.$/, '')
}

/** What goes and comes, by the zone that it is in: the one of the longest name. */
function editsByZone(zones: readonly ServedZone[], changes: Static<typeof Changes>): Map<PrimaryZone, RRsetEdit[]> {
  const edits = new Map<PrimaryZone, RRsetEdit[]>()
  const add = (kind: 'extend' | 'prune', endpoints: readonly Endpoint[], pointer: string) => {
    for (const [i, endpoint] of endpoints.entries()) {
      const edit = editOf(kind, endpoint, `${pointer}/${i}`)
      const zone = requireDynamic(zoneOfName(zones, edit.owner, `${pointer}/${i}/dnsName`))
      const wanted = edits.get(zone)
      if (wanted) wanted.push(edit)
      else edits.set(zone, [edit])
    }
  }
  add('prune', changes.delete ?? [], '/delete')
  add('prune', changes.updateOld ?? [], '/updateOld')
  add('extend', changes.updateNew ?? [], '/updateNew')
  add('extend', changes.create ?? [], '/create')
  return edits
}

function zoneOfName(zones: readonly ServedZone[], owner: Name, pointer: string): ServedZone {
  const fitting = zones.filter(({ origin }) => isSubdomain(owner, origin))
  const [longest] = fitting.sort((a, b) => b.origin.length - a.origin.length)
  if (!longest) throw new ApiError(422, `${printName(owner)} is in no zone that this token may change here`, pointer)
  return longest
}

function editOf(kind: 'extend' | 'prune', endpoint: Endpoint, pointer: string): RRsetEdit {
  const { dnsName, recordType, targets = [], recordTTL, setIdentifier } = endpoint
  if (setIdentifier)
    throw new ApiError(422, `${dnsName}: there are no routing policies here`, `${pointer}/setIdentifier`)
  const type = typeOf(recordType, `${pointer}/recordType`)
  const rdatas = targets.map((target, i) => rdataOf(type, target, `${pointer}/targets/${i}`))
  return { kind, owner: nameOf(dnsName, 'dnsName', `${pointer}/dnsName`), type, ttl: recordTTL || DEFAULT_TTL, rdatas }
}

/** Names come without their final dots, and texts with or without quotes. */
function rdataOf(type: number, target: string, pointer: string): Uint8Array {
  const bare = type === Type.TXT && !target.startsWith('"')
  const text = bare ? `"${target.replace(/[\\"]/g, '\\$&')}"` : target
  try {
    return parseRdataText(type, text, ROOT)
  } catch (error) {
    if (!(error instanceof TextError)) throw error
    throw new ApiError(422, `${typeName(type)} "${target}": ${error.message}`, pointer)
  }
}
