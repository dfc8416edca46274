import type { CatalogConfig, ZoneConfig } from '../../config/schema.ts'
import type { Name } from '../../dns/name.ts'
import { keyText } from '../holders.ts'
import type { Owned } from '../store/store.ts'
import type { Member } from './read.ts'

/** A catalog of a view, and what it lists. */
export interface Catalog {
  config: ZoneConfig & { catalog: CatalogConfig }
  members: readonly Member[]
}

/** What catalogs come to. */
export interface Settlement {
  /** Who owns what from now on. */
  owned: { owner: Catalog; member: Member }[]
  /** Zones of which all that is stored goes: taken out of their catalog, or listed anew; by `keyText`. */
  forgotten: string[]
  /** Zones that are no catalog's any more and keep what is stored. */
  released: string[]
  /** Members that are not served, because another zone has the name. */
  clashes: { catalog: Name; zone: Name; owner: Name | undefined }[]
}

/**
 * Who owns the zones that the catalogs of one view list (RFC 9432 §5). `configured` has the zones that stand in the configuration: no
 * catalog touches those. A zone stays its catalog's while that lists it, unless that hands it over by `coo` to one that lists it too; in
 * which order the two came to say so does not matter. Of several that list a new zone the first has it.
 */
export function settleCatalogs(
  configured: ReadonlySet<string>,
  catalogs: readonly Catalog[],
  before: readonly Owned[],
): Settlement {
  const settlement: Settlement = { owned: [], forgotten: [], released: [], clashes: [] }
  const was = new Map(before.map(one => [one.zone, one]))
  const listings = listingsOf(catalogs)
  for (const [zone, listed] of listings) {
    const owner = configured.has(zone) ? undefined : ownerOf(listed, was.get(zone))
    for (const { catalog, member } of listed)
      if (catalog !== owner?.catalog && !isHandedOver(member, owner?.catalog))
        settlement.clashes.push({ catalog: catalog.config.name, zone: member.zone, owner: owner?.catalog.config.name })
    if (!owner) continue
    settlement.owned.push({ owner: owner.catalog, member: owner.member })
    // RFC 9432 §4.4.1, §5.4: with another label it is another zone.
    const { label } = was.get(zone) ?? owner.member
    if (label !== owner.member.label) settlement.forgotten.push(zone)
  }
  for (const { zone, catalog } of before) {
    if (configured.has(zone)) settlement.released.push(zone)
    // RFC 9432 §5.3: what its own catalog has dropped goes. Of a catalog that is not there nobody knows.
    else if (!listings.has(zone) && catalogs.some(({ config }) => keyText(config.name) === catalog))
      settlement.forgotten.push(zone)
  }
  return settlement
}

interface Listing {
  catalog: Catalog
  member: Member
}

function listingsOf(catalogs: readonly Catalog[]): Map<string, Listing[]> {
  const listings = new Map<string, Listing[]>()
  for (const catalog of catalogs)
    for (const member of catalog.members) {
      const key = keyText(member.zone)
      const listed = listings.get(key)
      if (listed) listed.push({ catalog, member })
      else listings.set(key, [{ catalog, member }])
    }
  return listings
}

function ownerOf(listed: readonly Listing[], was: Owned | undefined): Listing {
  // Differs from RFC 9432 §4.4.1, where the new catalog must change last: a consumer that was away sees both at once.
  const now = listed.find(({ catalog }) => keyText(catalog.config.name) === was?.catalog)
  const heir = now && listed.find(({ catalog }) => isHandedOver(now.member, catalog))
  return heir ?? now ?? listed[0]!
}

/** RFC 9432 §4.4.1. */
function isHandedOver({ coo }: Member, to: Catalog | undefined): boolean {
  return coo !== undefined && to !== undefined && keyText(coo) === keyText(to.config.name)
}

/** How a member of the catalog is served: by the settings of its group, else those of all members (RFC 9432 §4.4.2). */
export function memberConfig({ config }: Catalog, { zone, groups }: Member): ZoneConfig {
  const { catalog, primaries } = config
  const group = catalog.groups.find(({ name }) => groups.includes(name))
  return {
    ...{ name: zone, type: 'secondary', dynamic: false, hide_private: false, update: [] },
    ...{ refresh: config.refresh, retry: config.retry },
    primaries: group?.primaries ?? catalog.primaries ?? primaries!,
    transfer: group?.transfer ?? catalog.transfer ?? [],
    notify: group?.notify ?? catalog.notify ?? [],
  }
}
