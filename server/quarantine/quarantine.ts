import { compilePattern, matchesPattern, type NamePattern } from '../../config/pattern.ts'
import type { ViewConfig } from '../../config/schema.ts'
import { isSubdomain, type Name, parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { makeRdata, printRecord, Type } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { type Holding, keyText } from '../../zones/holders.ts'
import type { PrimaryZone } from '../../zones/primary.ts'
import { recordsUnder, removeRecords, returnRecords } from '../../zones/update/removal.ts'
import { type Command, CommandError, nameArgument } from '../control/control.ts'
import { isSecondary, type Zones } from '../zones/zones.ts'
import type { QuarantineRow, QuarantineStore, TakenRecord } from './quarantine-store.ts'

/** Names that are out of DNS and get no certificates until they are let out again. */
export interface Quarantine {
  /** The views with these names reserved in every zone: no update and no client of the API brings them back. */
  within(views: readonly ViewConfig[]): ViewConfig[]
  /** CAA records (RFC 8659 §4.2) that forbid every CA to issue for the name, where it is in quarantine. */
  caaFor(name: Name): ResourceRecord[]
  commands(deps: QuarantineDeps): Record<string, Command>
}

export interface QuarantineDeps {
  zones: Zones
  /** Takes the configuration over again, with what `within` says now. */
  reconfigure: () => Promise<unknown>
  /** Revokes every standing certificate that the pattern covers; undefined where there is no CA. */
  revoke: ((pattern: string) => Promise<{ serial: string }[]>) | undefined
  clock: Clock
  log: Log
}

interface Known extends QuarantineRow {
  pattern: NamePattern
}

/** Opens what is stored. */
export async function openQuarantine(store: QuarantineStore): Promise<Quarantine> {
  let known: Known[] = (await store.all()).map(row => ({ ...row, pattern: patternOf(row) }))
  const remember = async (row: QuarantineRow) => {
    await store.put(row)
    known = [...known.filter(({ name }) => name !== row.name), { ...row, pattern: patternOf(row) }]
  }

  return {
    within: views =>
      known.length === 0
        ? [...views]
        : views.map(view => ({
            ...view,
            zones: view.zones.map(zone => ({
              ...zone,
              reserved: [...(zone.reserved ?? []), ...known.map(({ pattern }) => pattern)],
            })),
          })),
    caaFor(name) {
      if (!known.some(({ pattern }) => matchesPattern(pattern, name, undefined, { wildcards: true }))) return []
      const rdata = makeRdata('CAA', { flags: 0, tag: 'issue', value: Buffer.from(';') })
      return [{ owner: name, type: Type.CAA, class: 1, ttl: 0, rdata }]
    },
    commands: ({ zones, reconfigure, revoke, clock, log }) => ({
      'quarantine.list': () => known.map(describe),
      'quarantine.set': async args => {
        const name = nameArgument(args['name'])
        const text = keyText(name)
        if (known.some(one => one.name === text)) throw new CommandError(`${text} is in quarantine already`)
        const [below, reason] = [args['below'] === true, String(args['reason'] ?? '')]
        const row: QuarantineRow = { name: text, below, reason, at: clock.now(), taken: [], revoked: [] }
        // First nothing brings it back, then it goes: what happens in between can be done again.
        await remember(row)
        await reconfigure()
        const { taken, left } = await takeOut(zones, name, below)
        const revoked = revoke ? (await revoke(below ? `**.${text}` : text)).map(({ serial }) => serial) : []
        await remember({ ...row, taken, revoked })
        log.warn(
          { audit: true, name: text, below, reason, records: taken.length, revoked, left },
          'name put into quarantine',
        )
        return { ...describe({ ...row, taken, revoked }), left }
      },
      'quarantine.undo': async args => {
        const text = keyText(nameArgument(args['name']))
        const row = known.find(one => one.name === text)
        if (!row) throw new CommandError(`${text} is not in quarantine`)
        known = known.filter(one => one !== row)
        await reconfigure()
        const left = await putBack(zones, row.taken)
        await store.remove(text)
        log.warn({ audit: true, name: text, records: row.taken.length, left }, 'name let out of quarantine')
        return { ...describe(row), left }
      },
    }),
  }
}

function patternOf({ name, below }: QuarantineRow): NamePattern {
  return compilePattern(below ? `**.${name}` : name)
}

function describe({ name, below, reason, at, taken, revoked }: QuarantineRow) {
  return { name, below, reason, at: new Date(at).toISOString(), records: taken.map(({ record }) => record), revoked }
}

/** Takes the name out of every zone that is changed here; tells of those that are not. */
async function takeOut(zones: Zones, name: Name, below: boolean): Promise<{ taken: TakenRecord[]; left: string[] }> {
  const taken: TakenRecord[] = []
  const left: string[] = []
  for (const zone of zones) {
    const { view, origin, image } = zone
    if (!image || !isSubdomain(name, origin)) continue
    if (recordsUnder(image.latest(), name, below).length === 0) continue
    if (!isChangedHere(zone))
      left.push(`${printName(origin)} of view ${view} is not changed here: take it out where it is`)
    else {
      // Decided anew where another change came between: what is taken is what goes.
      let going: TakenRecord[] = []
      await zone.write({ key: undefined, source: `quarantine of ${printName(name)}` }, (tip, holders) => {
        const records = recordsUnder(tip, name, below)
        const of = (record: ResourceRecord) => holders.of(record) ?? null
        going = records.map(record => ({
          view,
          zone: keyText(origin),
          record: printRecord(record),
          holder: of(record),
        }))
        return removeRecords(tip, records)
      })
      taken.push(...going)
    }
  }
  return { taken, left }
}

function isChangedHere(zone: ReturnType<Zones['find']>): zone is PrimaryZone {
  return zone !== undefined && !isSecondary(zone) && !zone.overlay && zone.config.dynamic
}

/** Puts records back whose place is still free; tells of the others. */
async function putBack(zones: Zones, taken: readonly TakenRecord[]): Promise<string[]> {
  const left = new Set<string>()
  for (const [place, records] of Map.groupBy(taken, ({ view, zone }) => `${view}/${zone}`)) {
    const { view, zone: origin } = records[0]!
    const zone = zones.find(view, parseName(origin))
    if (isChangedHere(zone)) {
      const holdings = records.flatMap(({ record, holder }) => holdingOf(record, holder, zone.origin))
      const actor = { key: undefined, source: 'end of quarantine' }
      await zone.write(actor, tip => returnRecords(tip, holdings, why => left.add(why)))
    } else left.add(`${place} is not changed here any more`)
  }
  return [...left]
}

function holdingOf(line: string, holder: string | null, origin: Name): Holding[] {
  const { records } = parseZonefile(line, { origin, file: 'quarantine' })
  return records.map(record => ({ record, holder: holder ?? undefined }))
}
