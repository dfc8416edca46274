import { compareNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printRecord, Type } from '../../dns/types.ts'
import { printZonefile } from '../../dns/zonefile.ts'
import type { Changeset } from '../../zones/change.ts'
import { type ComparedZone, compareZones } from '../../zones/history/compare.ts'
import type { FileHistory } from '../../zones/history/file-history.ts'
import { historyOf, type PastZone, revertTo, zoneAt, zoneAtTime } from '../../zones/history/history.ts'
import type { PrimaryZone } from '../../zones/primary.ts'
import type { JournalEntry } from '../../zones/store/store.ts'
import type { Pipeline } from '../../zones/write/pipeline.ts'
import { changesOfFile, fileAt } from '../zones/file-changes.ts'
import { isSecondary, type ServedZone, type Zones } from '../zones/zones.ts'
import { type Command, CommandError, nameArgument } from './control.ts'

type Args = Record<string, unknown>

/** Changes listed where nobody says how many. */
const LISTED = 20
const MOST_LISTED = 10_000

/** The commands that look back: `zone.history`, `zone.at`, `zone.revert`, and `zone.diff` between views. */
export function historyCommands(zones: Zones, zoneOf: (args: Args) => ServedZone): Record<string, Command> {
  return {
    'zone.history': async args => {
      const zone = zoneOf(args)
      const limit = Math.min(numberOf(args['limit'] ?? LISTED, 'limit'), MOST_LISTED)
      const entries = await entriesOf(zone, limit)
      return entries.map(({ serialBefore, serialAfter, at, key, source, change }) => ({
        ...{ serial: serialAfter, serial_before: serialBefore, at: new Date(at).toISOString() },
        ...(key !== undefined && { key }),
        ...{ source, ...describeChange(change) },
      }))
    },
    'zone.at': async args => {
      const zone = zoneOf(args)
      const serial = numberOf(args['serial'], 'serial')
      const { records } = await pastOf(zone, serial)
      return {
        zone: printName(zone.origin),
        view: zone.view,
        serial,
        text: printZonefile(records.sort(inOrder), zone.origin),
      }
    },
    'zone.revert': async args => {
      const zone = revertible(zoneOf(args))
      const to = numberOf(args['to'], 'to')
      return makeAgain(zone, await pastOf(zone, to), `revert to ${to}`, args)
    },
    'zone.restore': async args => {
      const zone = revertible(zoneOf(args))
      const time = timeOf(args['to'])
      const text = new Date(time).toISOString()
      const past = await zoneAtTime(pipelineOf(zone), time)
      if (!past) throw new CommandError(`what ${printName(zone.origin)} was at ${text} is not kept any more`)
      return { ...(await makeAgain(zone, past, `restore to ${text}`, args)), as_of: past.serial }
    },
    'zone.diff': args => {
      const name = nameArgument(args['name'])
      const [one, other] = viewsOf(args['views']).map(view => compared(zones, view, name))
      const known = new Set([...zones].map(({ view }) => view))
      for (const { view } of [one!, other!])
        if (!known.has(view)) throw new CommandError(`no zone is served in a view ${view}`, 2)
      if (!one!.version && !other!.version) throw new CommandError(`neither view has a zone for ${printName(name)}`)
      return {
        name: printName(name),
        views: [one!, other!].map(({ view, version, base }) => ({
          ...{ view, zone: version ? printName(version.origin) : null, serial: version?.serial() ?? null },
          ...(base !== undefined && { overlay_of: base }),
        })),
        differences: compareZones(name, one!, other!),
      }
    },
  }
}

function revertible(zone: ServedZone): PrimaryZone {
  if (isSecondary(zone)) throw new CommandError(`${printName(zone.origin)} is a secondary zone: revert its primary`, 2)
  if (zone.overlay) throw new CommandError(`${printName(zone.origin)} is an overlay: revert its base, or its file`, 2)
  if (!zone.config.dynamic)
    throw new CommandError(`${printName(zone.origin)} is not dynamic: change its file, and reload`, 2)
  return zone
}

/** `source` in the arguments is who asked, where that is not whoever may use the control socket; with `dry_run` nothing is changed, and `change` says what would be. */
async function makeAgain(zone: PrimaryZone, past: PastZone, what: string, args: Args) {
  const by = args['source'] === undefined ? '' : ` by ${args['source']}`
  const actor = { key: undefined, source: `${what}${by}` }
  const named = { zone: printName(zone.origin), view: zone.view }
  if (args['dry_run'] === true) {
    const { added, deleted } = zone.tryWrite((tip, holders) => revertTo(past, tip, holders)).change
    const serial = zone.contents.serial()
    return {
      ...named,
      serial,
      added: added.length,
      deleted: deleted.length,
      change: describeChange({ added, deleted }),
    }
  }
  const { change, version } = await zone.write(actor, (tip, holders) => revertTo(past, tip, holders))
  const counts = { added: change.added.length, deleted: change.deleted.length }
  return { ...named, serial: version.serial(), ...counts }
}

function describeChange({ added, deleted }: Pick<Changeset, 'added' | 'deleted'>) {
  return { added: added.map(printRecord), deleted: deleted.map(printRecord) }
}

/** ISO 8601; a date alone is its beginning in UTC. */
function timeOf(value: unknown): number {
  const text = String(value ?? '')
  const time = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw new CommandError(`"${text}" is not a time such as 2026-01-02T03:04:05Z`, 2)
  return time
}

/** The SOA first, then by owner in canonical order, and by type. */
function inOrder(a: ResourceRecord, b: ResourceRecord): number {
  const soa = Number(b.type === Type.SOA) - Number(a.type === Type.SOA)
  return soa || compareNames(a.owner, b.owner) || a.type - b.type
}

function compared(zones: Zones, view: string, name: Name): ComparedZone {
  const zone = [...zones]
    .filter(one => one.view === view && isSubdomain(name, one.origin))
    .reduce<ServedZone | undefined>((a, b) => (a && a.origin.length >= b.origin.length ? a : b), undefined)
  const overlay = zone && !isSecondary(zone) ? zone.overlay : undefined
  const base = overlay && [...zones].find(one => one === overlay.base)?.view
  return { view, version: zone?.image?.latest(), overlay, base, holderOf: record => zone?.holderOf(record) }
}

/** The newest change first. */
async function entriesOf(zone: ServedZone, limit: number): Promise<JournalEntry[]> {
  const file = fileHistoryOf(zone)
  return file ? changesOfFile(file, zone.contents!).slice(0, limit) : historyOf(pipelineOf(zone), limit)
}

function fileHistoryOf(zone: ServedZone): FileHistory | undefined {
  return isSecondary(zone) ? undefined : zone.fileHistory
}

function pipelineOf(zone: ServedZone): Pipeline {
  if (zone.pipeline) return zone.pipeline
  throw new CommandError(`${printName(zone.origin)} was never transferred`, 2)
}

async function pastOf(zone: ServedZone, serial: number): Promise<PastZone> {
  const file = fileHistoryOf(zone)
  const past = file ? fileAt(file, zone.contents!, serial) : await zoneAt(pipelineOf(zone), serial)
  if (!past) throw new CommandError(`no version of ${printName(zone.origin)} with the serial ${serial} is kept`)
  return past
}

function viewsOf(value: unknown): [string, string] {
  const views = Array.isArray(value) ? value.map(String) : String(value ?? '').split(',')
  if (views.length !== 2 || views[0] === views[1]) throw new CommandError('name two views', 2)
  return [views[0]!, views[1]!]
}

function numberOf(value: unknown, what: string): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= 0 && number <= 0xffffffff && value !== '') return number
  throw new CommandError(`"${value}" is not a number of 32 bits: ${what}`, 2)
}
