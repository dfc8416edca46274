import type { ZoneConfig } from '../../config/schema.ts'
import type { Name } from '../../dns/name.ts'
import type { ZoneStore } from '../store/store.ts'

/**
 * A secondary that was promoted is its own primary, whatever the configuration still says, until that says so itself. These are the
 * config by which it is served then, and what is kept of it on disk.
 */
export function promotedConfig(config: ZoneConfig): ZoneConfig {
  const { primaries: _former, ...rest } = config
  return { ...rest, type: 'primary', dynamic: true }
}

/** The config by which a zone is to be served: its own, unless it was promoted. */
export async function settledConfig(store: ZoneStore, view: string, config: ZoneConfig): Promise<ZoneConfig> {
  const stored = await store.find(view, config.name)
  const secondary = stored && (await store.secondary(stored.id))
  if (!secondary?.promoted) return config
  if (config.type === 'secondary') return promotedConfig(config)
  // Now the configuration says it: were it to say "secondary" again, it would mean it.
  await store.setSecondary(stored!.id, { ...secondary, promoted: false })
  return config
}

/** Keeps that the zone is its own primary, or after all is not. The zone was stored when it was transferred. */
export async function markPromoted(
  store: ZoneStore,
  view: string,
  origin: Name,
  at: number,
  promoted = true,
): Promise<void> {
  const stored = await store.find(view, origin)
  await store.setSecondary(stored!.id, { checked: at, promoted })
}
