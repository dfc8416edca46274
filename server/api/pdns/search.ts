import { type Static, Type as T } from 'typebox'
import { printName } from '../../../dns/name.ts'
import { printRdata, typeName } from '../../../dns/types.ts'
import { keyText } from '../../../zones/holders.ts'
import type { ServedZone } from '../../zones/zones.ts'
import { type ApiContext, idOfZone, zonesOf } from '../context.ts'
import type { ApiScope } from '../openapi.ts'
import { compileGlob } from './glob.ts'
import { ServerParams } from './schemas.ts'
import { shownRRsets } from './zone-json.ts'

const Result = T.Object(
  {
    object_type: T.Enum(['zone', 'record', 'comment']),
    name: T.String(),
    zone_id: T.String(),
    zone: T.Optional(T.String()),
    type: T.Optional(T.String()),
    content: T.Optional(T.String()),
    ttl: T.Optional(T.Integer()),
    disabled: T.Optional(T.Boolean()),
  },
  { title: 'SearchResult' },
)
type Result = Static<typeof Result>

const MOST_RESULTS = 10_000
/** RRsets between which the event loop gets its turn. */
const TURN = 2000

/** Searches names, data and comments of the zones that the token is for. */
export function searchRoutes(scope: ApiScope, context: ApiContext): void {
  scope.get(
    '/api/v1/servers/:server/search-data',
    {
      schema: {
        ...{ tags: ['zones'], summary: 'Searches zones, records and comments', params: ServerParams },
        querystring: T.Object({
          q: T.String({ minLength: 1, maxLength: 255, description: '"*" stands for any text, "?" for one character' }),
          max: T.Optional(T.Integer({ minimum: 1, maximum: MOST_RESULTS, default: 100 })),
          object_type: T.Optional(T.Enum(['all', 'zone', 'record', 'comment'], { default: 'all' })),
        }),
        response: { 200: T.Array(Result) },
      },
    },
    async request => {
      const { q, max = 100, object_type: kind = 'all' } = request.query
      const matches = compileGlob(q)
      const results: Result[] = []
      for (const zone of zonesOf(context, request, request.params.server))
        for await (const result of searchZone(context, zone, matches, kind)) {
          results.push(result)
          if (results.length >= max) return results
        }
      return results
    },
  )
}

async function* searchZone(
  { notes }: ApiContext,
  zone: ServedZone,
  matches: (text: string) => boolean,
  kind: string,
): AsyncGenerator<Result> {
  const wanted = (one: string) => kind === 'all' || kind === one
  const [name, id] = [printName(zone.origin), idOfZone(zone.origin)]
  if (wanted('zone') && (matches(name) || matches(name.slice(0, -1)))) yield { object_type: 'zone', name, zone_id: id }
  const version = zone.image?.latest()
  let seen = 0
  for (const { owner, type, ttl, rdatas } of version && wanted('record') ? shownRRsets(zone, version) : []) {
    if (++seen % TURN === 0) await new Promise(setImmediate)
    const ownerText = printName(owner)
    // A name is found with its final dot and without.
    const all = matches(ownerText) || matches(ownerText.slice(0, -1))
    for (const rdata of rdatas) {
      const content = printRdata(type, rdata)
      if (!all && !matches(content)) continue
      const record = { name: ownerText, type: typeName(type), content, ttl, disabled: false }
      yield { object_type: 'record', zone_id: id, zone: name, ...record }
    }
  }
  if (!wanted('comment')) return
  for (const { owner, type, content } of await notes.comments(zone.view, keyText(zone.origin)))
    if (matches(content)) yield { object_type: 'comment', name: owner, type, content, zone_id: id, zone: name }
}
