import type { CatalogConfig, ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { printName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { keyText } from '../holders.ts'
import { ZoneError } from '../image/errors.ts'
import type { Owned, ZoneStore } from '../store/store.ts'
import type { ZoneVersion } from '../zone.ts'
import { type Member, readCatalog } from './read.ts'
import { type Catalog, memberConfig, type Settlement, settleCatalogs } from './settle.ts'

/** The zones that the catalogs of a view bring. */
export interface ViewMembers {
  /** How they are served. */
  configs: ZoneConfig[]
  /** Zones that are closed before `commit`: of these nothing is kept. Names by `keyText`. */
  forgotten: readonly string[]
  /** Stores what changes. */
  commit(): Promise<void>
}

/** Reads the catalogs of a view as they are now; `contents` gives what a zone of it has. What is wrong with one is logged, and stops no other. */
export async function membersOf(
  { name: view, zones }: ViewConfig,
  contents: (config: ZoneConfig) => ZoneVersion | undefined,
  { store, log }: { store: ZoneStore; log: Log },
): Promise<ViewMembers> {
  const catalogs: Catalog[] = []
  for (const config of zones.filter(isCatalog)) {
    const version = contents(config)
    const members = version && read(version, log.child({ zone: printName(config.name), view }))
    if (members) catalogs.push({ config, members })
  }
  const before = await store.members.of(view)
  const settlement = settleCatalogs(new Set(zones.map(({ name }) => keyText(name))), catalogs, before)
  for (const { catalog, zone, owner } of settlement.clashes)
    log.error(
      {
        zone: printName(catalog),
        view,
        member: printName(zone),
        owner: owner ? printName(owner) : 'the configuration',
      },
      'a member of the catalog is not served: its name is taken',
    )
  return {
    configs: settlement.owned.map(({ owner, member }) => memberConfig(owner, member)),
    forgotten: settlement.forgotten,
    commit: () => commit(view, settlement, before, store),
  }
}

function isCatalog(config: ZoneConfig): config is ZoneConfig & { catalog: CatalogConfig } {
  return config.catalog !== undefined
}

/** A secondary takes over no broken catalog; but what it has may be from a time when it was none. */
function read(version: ZoneVersion, log: Log): Member[] | undefined {
  try {
    return readCatalog(version)
  } catch (error) {
    if (!(error instanceof ZoneError)) throw error
    log.error({ serial: version.serial(), reason: error.message }, 'the zone is no catalog: it has no members')
    return undefined
  }
}

async function commit(
  view: string,
  { owned, forgotten, released }: Settlement,
  before: readonly Owned[],
  store: ZoneStore,
) {
  const now = owned.map(({ owner, member }) => ({
    zone: keyText(member.zone),
    catalog: keyText(owner.config.name),
    label: member.label,
  }))
  const was = new Map(before.map(one => [one.zone, one]))
  const names = new Set(now.map(({ zone }) => zone))
  const isSame = (one: Owned) => was.get(one.zone)?.catalog === one.catalog && was.get(one.zone)?.label === one.label
  const changes = {
    forgotten,
    released: [...released, ...forgotten.filter(zone => !names.has(zone))],
    owned: now.filter(one => !isSame(one)),
  }
  if (changes.forgotten.length + changes.released.length + changes.owned.length > 0)
    await store.members.settle(view, changes)
}
