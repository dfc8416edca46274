import type { FastifyRequest } from 'fastify'
import type { Config } from '../../config/schema.ts'
import { TextError } from '../../dns/errors.ts'
import { type Name, nameKey, parseName, printName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { PrimaryZone } from '../../zones/primary.ts'
import type { Actor } from '../../zones/write/writer.ts'
import type { Command } from '../control/control.ts'
import type { Live } from '../live/live.ts'
import { isSecondary, type ServedZone, type Zones } from '../zones/zones.ts'
import { tokenOf } from './authenticate.ts'
import type { CreatedZones } from './created-zones.ts'
import type { NoteStore } from './note-store.ts'
import { ApiError } from './problem.ts'
import type { Sessions } from './sessions.ts'
import { coversView, coversZone, holderOf, type Token, type Tokens } from './tokens.ts'

/** What the API shows and changes. */
export interface ApiContext {
  zones: Zones
  config: () => Config
  tokens: Tokens
  sessions: Sessions
  /** What stands for a token where the client has shown a certificate in its handshake. */
  byCertificate: (request: FastifyRequest) => Promise<Token | undefined>
  notes: NoteStore
  live: Live
  created: CreatedZones
  /** Those of the control socket, which do the same for the command line. */
  commands: Readonly<Record<string, Command>>
  notifySecondaries: (zone: ServedZone) => void
  /** What the serving threads have counted, in Prometheus' text format. */
  statistics: () => string
  /** Keeps who changed something in the CA's record, where there is a CA. */
  note?: ((call: object) => void) | undefined
  clock: Clock
  log: Log
}

/** The server id under which all views are one. */
export const ALL_VIEWS = 'localhost'

/** The views that a server id means and the token may see, in the order of the configuration. */
export function viewsOf({ config }: ApiContext, request: FastifyRequest, server: string): string[] {
  const views = config().views.map(({ name }) => name)
  if (server !== ALL_VIEWS && !views.includes(server)) throw new ApiError(404, `there is no server ${server}`)
  const token = tokenOf(request)
  const meant = server === ALL_VIEWS ? views : [server]
  const seen = meant.filter(view => coversView(token, view))
  if (server !== ALL_VIEWS && seen.length === 0)
    throw new ApiError(403, `${holderOf(token)} is not for the view ${server}`)
  return seen
}

/** The zones of a server id that the token is for; of several views with a zone of one name, the first. */
export function zonesOf(context: ApiContext, request: FastifyRequest, server: string): ServedZone[] {
  const token = tokenOf(request)
  const found = new Map<string, ServedZone>()
  for (const view of viewsOf(context, request, server))
    for (const zone of context.zones) {
      const key = nameKey(zone.origin)
      if (zone.view === view && !found.has(key) && coversZone(token, zone.origin)) found.set(key, zone)
    }
  return [...found.values()]
}

/** The zone of a path. 403 for what the token is not for, whether it is there or not. */
export function zoneOf(context: ApiContext, request: FastifyRequest, server: string, id: string): ServedZone {
  const origin = originOfId(id)
  requireZone(request, origin)
  const views = viewsOf(context, request, server)
  const zone = views.map(view => context.zones.find(view, origin)).find(one => one !== undefined)
  if (!zone) throw new ApiError(404, `Could not find domain '${printName(origin)}'`)
  return zone
}

/** 403 where the token is not for zones of this name. */
export function requireZone(request: FastifyRequest, origin: Name): void {
  const token = tokenOf(request)
  if (!coversZone(token, origin)) throw new ApiError(403, `${holderOf(token)} is not for the zone ${printName(origin)}`)
}

/** The zone, which must be one that is changed here. */
export function requireDynamic(zone: ServedZone): PrimaryZone {
  const name = printName(zone.origin)
  if (isSecondary(zone)) throw new ApiError(422, `${name} is a secondary zone: change it at its primary`)
  if (zone.overlay) throw new ApiError(422, `${name} is an overlay: change its base, or its file`)
  if (!zone.config.dynamic) throw new ApiError(422, `${name} is not dynamic: change its file and reload`)
  return zone
}

/** Whom the zone's history names, and who holds what is added. */
export function actorOf(request: FastifyRequest): Actor {
  const { kind, name } = tokenOf(request)
  // TSIG keys are names with a final dot.
  return { key: `${kind}:${name}`, source: `api ${request.ip}` }
}

/** A name of a request. 422 for what is none. */
export function nameOf(text: string, what: string, pointer?: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    if (!(error instanceof TextError)) throw error
    throw new ApiError(422, `${what} "${text}": ${error.message}`, pointer)
  }
}

/** A zone as paths name it: its name, in which "=2F" stands for "/". */
export function idOfZone(origin: Name): string {
  return printName(origin).replace(
    /[^\w.-]/g,
    char => `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

function originOfId(id: string): Name {
  return nameOf(
    id.replace(/=([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'zone',
  )
}
