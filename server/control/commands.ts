import type { Ca } from '../../ca/ca.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printZonefile } from '../../dns/zonefile.ts'
import type { Clock } from '../../host/clock.ts'
import { readZoneText } from '../../zones/file/file.ts'
import { importZone } from '../../zones/file/import.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { historyOf } from '../../zones/history/history.ts'
import type { JournalEntry } from '../../zones/store/store.ts'
import { printServer } from '../../zones/transfer/primaries.ts'
import type { SecondaryZone } from '../../zones/transfer/secondary.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import type { Explain } from '../explain/explain.ts'
import { isSecondary, type ServedZone, type Zones } from '../zones/zones.ts'
import { type Command, CommandError, nameArgument } from './control.ts'
import { dnssecCommands } from './dnssec-commands.ts'
import { historyCommands } from './history.ts'
import { timelineCommand } from './timeline.ts'

/** What the commands of the control socket act on. */
export interface CommandDeps {
  zones: Zones
  clock: Clock
  ca: Ca | undefined
  /** Makes a secondary zone its own primary. */
  promote: (zone: SecondaryZone) => Promise<void>
  explain: Explain
  explainUpdate: Explain
  status: () => Promise<object>
  reload: () => Promise<object>
  stop: () => void
  /** Those of other parts of the daemon. */
  more?: Readonly<Record<string, Command>>
}

/** The commands of the control socket; `cli/replies.ts` says what each takes and gives. */
export function createCommands(deps: CommandDeps): Record<string, Command> {
  const { zones, ca } = deps

  const zoneOf = (args: Record<string, unknown>): ServedZone => {
    const origin = nameArgument(args['zone'])
    const found = zones.named(origin)
    const wanted = args['view'] === undefined ? found : found.filter(({ view }) => view === args['view'])
    const [zone, ...others] = wanted
    if (!zone)
      throw new CommandError(`no zone ${printName(origin)} is served${args['view'] ? ` in view ${args['view']}` : ''}`)
    if (others.length > 0)
      throw new CommandError(
        `${printName(origin)} is in several views: say which with --view ${wanted.map(({ view }) => view).join(' or ')}`,
        2,
      )
    return zone
  }
  const secondaryOf = (args: Record<string, unknown>): SecondaryZone => {
    const zone = zoneOf(args)
    if (!isSecondary(zone)) throw new CommandError(`${printName(zone.origin)} is not a secondary zone`, 2)
    return zone
  }
  const summary = (zone: ServedZone) => {
    const version = zone.image?.latest()
    const { type, dynamic, overlay_of: base } = zone.config
    return {
      view: zone.view,
      zone: printName(zone.origin),
      type,
      dynamic,
      ...(base !== undefined && { overlay_of: base }),
      serial: version?.serial() ?? null,
      records: version?.size() ?? 0,
    }
  }
  const versionOf = (zone: ServedZone): ZoneVersion => {
    if (!zone.image) throw new CommandError(`${printName(zone.origin)} has nothing to serve: ${whyNot(zone)}`)
    return zone.image.latest()
  }

  return {
    status: deps.status,
    reload: deps.reload,
    stop: () => {
      deps.stop()
      return null
    },
    'zone.list': () => [...zones].map(summary),
    'zone.show': async args => {
      const zone = zoneOf(args)
      const [last] = zone.pipeline ? await historyOf(zone.pipeline, 1) : []
      const { file, update, transfer } = zone.config
      const keys = (rules: readonly { key?: Name | undefined }[]) => [
        ...new Set(rules.flatMap(({ key }) => (key ? [printName(key)] : []))),
      ]
      return {
        ...summary(zone),
        ...(file !== undefined && { file }),
        update_keys: keys(update),
        transfer_keys: keys(transfer),
        ...(last && { last_change: describeChange(last) }),
        ...(isSecondary(zone) && { secondary: describeSecondary(zone) }),
      }
    },
    'zone.export': args => {
      const zone = zoneOf(args)
      const version = versionOf(zone)
      const remark = args['owners'] === true ? (record: ResourceRecord) => zone.holderOf(record) : undefined
      const text = printZonefile(recordsOfVersion(version), zone.origin, remark)
      return { zone: printName(zone.origin), view: zone.view, serial: version.serial(), text }
    },
    ...dnssecCommands({ zones, clock: deps.clock, zoneOf, versionOf, originOf: args => nameArgument(args['zone']) }),
    'zone.import': async args => {
      const zone = zoneOf(args)
      if (isSecondary(zone))
        throw new CommandError(`${printName(zone.origin)} is a secondary zone: change it at its primary`, 2)
      if (!zone.config.dynamic)
        throw new CommandError(`${printName(zone.origin)} is not dynamic: change its file and reload`, 2)
      const file = String(args['file'] ?? 'the file')
      const { image, errors } = readZoneText(file, zone.origin, String(args['text'] ?? ''))
      if (!image)
        throw new CommandError(
          errors.map(({ message }) => message),
          2,
        )
      const records = recordsOfVersion(image.latest())
      const by = args['source'] === undefined ? '' : ` by ${args['source']}`
      const { change, version } = await zone.write({ key: undefined, source: `import${by}` }, tip =>
        importZone(tip, records, zone.signed),
      )
      const counts = { added: change.added.length, deleted: change.deleted.length }
      return { zone: printName(zone.origin), view: zone.view, serial: version.serial(), ...counts }
    },
    'zone.refresh': args => {
      const zone = secondaryOf(args)
      zone.refreshSoon()
      return { zone: printName(zone.origin), view: zone.view, primaries: zone.status.primaries.map(printServer) }
    },
    'zone.promote': async args => {
      const zone = secondaryOf(args)
      const serial = versionOf(zone).serial()
      await deps.promote(zone)
      return { zone: printName(zone.origin), view: zone.view, serial }
    },
    ...historyCommands(zones, zoneOf),
    timeline: timelineCommand(zones, ca?.commands['ca.log.entries']),
    explain: args => deps.explain(args),
    'explain.update': args => deps.explainUpdate(args),
    ...(ca?.commands ?? {}),
    ...deps.more,
  }
}

function describeChange({ at, key, source, serialAfter }: JournalEntry) {
  const by = key === undefined ? source : `key ${key} from ${source}`
  return { at: new Date(at).toISOString(), by, serial: serialAfter }
}

function describeSecondary({ status, image }: SecondaryZone) {
  const { primaries, checked, next, expires, refreshing } = status
  return {
    primaries: primaries.map(printServer),
    state: image ? (refreshing ? 'refreshing' : 'current') : checked === undefined ? 'never transferred' : 'expired',
    ...(checked !== undefined && { checked: printTime(checked) }),
    ...(next !== undefined && { next_refresh: printTime(next) }),
    ...(expires !== undefined && { expires: printTime(expires) }),
  }
}

function whyNot(zone: ServedZone): string {
  if (zone.config.overlay_of !== undefined) return 'its base has nothing to be served'
  return isSecondary(zone) && zone.status.checked !== undefined ? 'it has expired' : 'it was never transferred'
}

function printTime(time: number): string {
  return new Date(time).toISOString()
}
