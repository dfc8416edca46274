import { Type as T } from 'typebox'
import type { ListedRRset, ListedZone, RecordDiff, RRsetPage } from '../../cli/replies.ts'
import { printName } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../../dns/record.ts'
import { printRdata, printRecord, typeName } from '../../dns/types.ts'
import type { Changeset } from '../../zones/change.ts'
import { recordsOf } from '../../zones/draft.ts'
import { requireUnreserved } from '../../zones/policy.ts'
import { editRRsets } from '../../zones/update/edit.ts'
import type { Decision } from '../../zones/write/pipeline.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import { isSecondary, type ServedZone } from '../zones/zones.ts'
import { requireRole, tokenOf } from './authenticate.ts'
import { ALL_VIEWS, type ApiContext, actorOf, nameOf, requireDynamic, viewsOf, zoneOf } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { editsOf, typeOf } from './pdns/edits.ts'
import { ApiRecord, ZoneChange } from './pdns/schemas.ts'
import { shownRRsets } from './pdns/zone-json.ts'
import { ApiError } from './problem.ts'
import { described, runCommand } from './resources.ts'
import { coversZone } from './tokens.ts'

const ZonePath = T.Object({ view: T.String(), zone: T.String() })
const MOST_BODY = 16 << 20
/** RRsets of one page. */
const PAGE = { usual: 200, most: 1000 }

/** What the editor shows of an RRset, so that nobody overwrites what they have not seen. */
const Seen = T.Object({
  name: T.String(),
  type: T.String(),
  records: T.Array(ApiRecord, { maxItems: 10_000 }),
})

/** Zones as people look at them and change them: all views side by side, a page at a time, a look before a leap. */
export function zoneResourceRoutes(scope: ApiScope, context: ApiContext): void {
  listRoutes(scope, context)
  editRoute(scope, context)
}

function listRoutes(scope: ApiScope, context: ApiContext): void {
  scope.get(
    '/api/v1/zones',
    { schema: described('zones', 'The zones of all views that the token is for', {}) },
    async request => {
      const views = new Set(viewsOf(context, request, ALL_VIEWS))
      const token = tokenOf(request)
      return [...context.zones].filter(zone => views.has(zone.view) && coversZone(token, zone.origin)).map(summary)
    },
  )
  scope.get(
    '/api/v1/views/:view/zones/:zone/rrsets',
    {
      schema: described('zones', 'RRsets of a zone, with who holds each record', {
        params: ZonePath,
        querystring: T.Object({
          search: T.Optional(T.String({ maxLength: 255, description: 'a part of a name, type or data' })),
          type: T.Optional(T.String()),
          after: T.Optional(T.Integer({ minimum: 0, description: 'how many of those found to pass over' })),
          limit: T.Optional(T.Integer({ minimum: 1, maximum: PAGE.most })),
        }),
      }),
    },
    async request => {
      const { view, zone: id } = request.params
      const zone = zoneOf(context, request, view, id)
      const version = zone.image?.latest()
      if (!version) throw new ApiError(409, `${printName(zone.origin)} has nothing to serve`)
      const { search = '', type, after = 0, limit = PAGE.usual } = request.query
      const wanted = { text: search.toLowerCase(), type: type === undefined ? undefined : typeOf(type, '/type') }
      return { ...summary(zone), editable: isEditable(zone), ...pageOf(zone, version, wanted, after, limit) }
    },
  )
  scope.get(
    '/api/v1/diff',
    {
      schema: described('zones', 'What two views see of a name and all below it, where that differs, and why', {
        querystring: T.Object({ name: T.String(), views: T.String({ description: 'two, with a comma' }) }),
      }),
    },
    async request => {
      const { name, views } = request.query
      const origin = nameOf(name, 'name')
      for (const view of views.split(',')) {
        viewsOf(context, request, view)
        const zone = context.zones.find(view, origin)
        if (zone) zoneOf(context, request, view, name)
      }
      if (!coversZone(tokenOf(request), origin)) throw new ApiError(403, `the token is not for the zone ${name}`)
      return runCommand(context, 'zone.diff', { name, views })
    },
  )
}

/** A change and, with `dry_run`, what would come of it: decided by the very code that writes. */
function editRoute(scope: ApiScope, context: ApiContext): void {
  scope.post(
    '/api/v1/views/:view/zones/:zone/edit',
    {
      bodyLimit: MOST_BODY,
      schema: described('zones', 'Changes RRsets, all or none, or says what would come of it', {
        params: ZonePath,
        body: T.Object({
          rrsets: ZoneChange.properties.rrsets,
          seen: T.Optional(T.Array(Seen, { maxItems: 10_000 })),
          dry_run: T.Optional(T.Boolean()),
        }),
      }),
    },
    async request => {
      requireRole(request, 'write')
      const zone = requireDynamic(zoneOf(context, request, request.params.view, request.params.zone))
      const { rrsets, seen = [], dry_run: dry = false } = request.body
      const edits = editsOf(rrsets)
      for (const { owner } of edits) requireUnreserved({ reserved: zone.config.reserved, origin: zone.origin }, owner)
      const before = editsOf(seen.map(rrset => ({ ...rrset, ttl: 0, changetype: 'REPLACE' as const })))
      const decide = (tip: ZoneVersion): Decision => {
        for (const { owner, type, rdatas } of before) requireSeen(tip, { owner, type, rdatas })
        return editRRsets(tip, edits)
      }
      const outcomes = dry ? zone.tryAlong(decide) : [await zone.writeAlong(actorOf(request), decide)]
      return { zones: outcomes.map(({ change }) => describeChange(change)), written: !dry }
    },
  )
}

/** 409 where the RRset is not what its editor has seen. */
function requireSeen(
  tip: ZoneVersion,
  { owner, type, rdatas }: Pick<ResourceRecord, 'owner' | 'type'> & { rdatas: readonly Uint8Array[] },
): void {
  const now = tip.rrset(owner, type)?.rdatas ?? []
  const same = now.length === rdatas.length && now.every(rdata => rdatas.some(other => equalOctets(rdata, other)))
  if (same) return
  const what = `${printName(owner)} ${typeName(type)}`
  throw new ApiError(409, `${what} was changed by somebody else in the meantime: look at it again`)
}

function describeChange({ added, deleted }: Changeset): RecordDiff {
  return { added: added.map(printRecord), deleted: deleted.map(printRecord) }
}

function summary(zone: ServedZone): ListedZone {
  const version = zone.image?.latest()
  const { overlay_of: base, dynamic } = zone.config
  return {
    ...{ view: zone.view, zone: printName(zone.origin), dynamic },
    kind: isSecondary(zone) ? 'secondary' : base === undefined ? 'primary' : 'overlay',
    ...(base !== undefined && { overlay_of: base }),
    signed: !isSecondary(zone) && zone.signed,
    serial: version?.serial() ?? null,
    records: version?.size() ?? 0,
  }
}

function isEditable(zone: ServedZone): boolean {
  return !isSecondary(zone) && !zone.overlay && zone.config.dynamic
}

/** The RRsets in which the text occurs, from one on, and how many there are. */
function pageOf(
  zone: ServedZone,
  version: ZoneVersion,
  { text, type }: { text: string; type: number | undefined },
  after: number,
  limit: number,
): Pick<RRsetPage, 'found' | 'rrsets'> {
  let found = 0
  const rrsets: ListedRRset[] = []
  for (const rrset of shownRRsets(zone, version)) {
    if (type !== undefined && rrset.type !== type) continue
    if (text !== '' && !recordsOf(rrset).some(record => printRecord(record).toLowerCase().includes(text))) continue
    found++
    if (found <= after || rrsets.length >= limit) continue
    const { owner, ttl } = rrset
    const records = recordsOf(rrset).map(record => {
      const holder = zone.holderOf(record)
      return { content: printRdata(record.type, record.rdata), ...(holder !== undefined && { holder }) }
    })
    rrsets.push({ name: printName(owner), type: typeName(rrset.type), ttl, records })
  }
  return { found, rrsets }
}
