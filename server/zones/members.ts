import type { ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { type Name, nameKey, parseName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { membersOf } from '../../zones/catalog/members.ts'
import type { PrimaryZone } from '../../zones/primary.ts'
import type { ZoneStore } from '../../zones/store/store.ts'
import { SecondaryZone } from '../../zones/transfer/secondary.ts'

/** A zone of either kind; a secondary may have nothing to serve. */
export type ServedZone = PrimaryZone | SecondaryZone

export function isSecondary(zone: ServedZone): zone is SecondaryZone {
  return zone instanceof SecondaryZone
}

/** Names a zone among those of all views. */
export function keyOf(view: string, origin: Name): string {
  return `${view}/${nameKey(origin)}`
}

/** A zone as it is, and what makes it what it will be. */
export interface Prepared {
  zone: ServedZone
  /** Gives the zone that it is then: another one where its type changes. */
  takeOver: () => Promise<ServedZone>
}

/** The configs of the zones that catalogs bring, by view. */
export type Members = Map<string, readonly ZoneConfig[]>

/** The zones as they were, as they will be, and how one comes to be. */
export interface Opening {
  before: Map<string, ServedZone>
  now: Map<string, ServedZone>
  prepare(view: string, config: ZoneConfig): Promise<Prepared>
}

/**
 * Adds to the zones that will be what the catalogs among them list. Zones that went, or that came anew under their old name, are taken
 * out of those that were, and what was stored of them is forgotten.
 */
export async function openMembers(
  views: readonly ViewConfig[],
  { before, now, prepare }: Opening,
  deps: { store: ZoneStore; log: Log },
): Promise<Members> {
  const members: Members = new Map()
  for (const view of views) {
    const keyIn = (origin: Name) => keyOf(view.name, origin)
    const contents = ({ name }: ZoneConfig) => {
      const zone = now.get(keyIn(name))
      return zone && isSecondary(zone) ? zone.contents : undefined
    }
    const { configs, forgotten, commit } = await membersOf(view, contents, deps)
    for (const key of forgotten.map(name => keyIn(parseName(name)))) {
      await before.get(key)?.close()
      before.delete(key)
    }
    await commit()
    for (const config of configs) {
      const { takeOver } = await prepare(view.name, config)
      now.set(keyIn(config.name), await takeOver())
    }
    members.set(view.name, configs)
  }
  return members
}
