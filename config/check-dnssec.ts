import { equalNames } from '../dns/name.ts'
import type { DnssecConfig } from './dnssec-schema.ts'
import { type Say, shownName } from './findings.ts'
import type { Config, ViewConfig, ZoneConfig } from './schema.ts'

/** What the views with a zone of one name must agree on: they share its keys, for their parent has one DS RRset for all. */
const SHARED = [
  'algorithm',
  'keys',
  'ksk_lifetime',
  'zsk_lifetime',
  'propagation_delay',
  'parent_propagation_delay',
  'parent_ds_ttl',
] as const satisfies readonly (keyof DnssecConfig)[]

/** Whether the views that have a zone of this name sign it alike. */
export function checkSigning(
  config: Config,
  view: ViewConfig,
  { name, dnssec }: ZoneConfig,
  path: readonly (string | number)[],
  refuse: Say,
  doubt: Say,
): void {
  if (!dnssec?.sign) return
  for (const other of config.views) {
    const zone = other !== view && other.zones.find(one => equalNames(one.name, name))
    if (!zone || zone.type === 'secondary') continue
    if (!zone.dnssec?.sign)
      doubt(
        [...path, 'dnssec'],
        `${shownName(name)} is signed here and not in the view ${other.name}: once its parent has a DS, validators in that view take it for bogus`,
      )
    else if (config.views.indexOf(other) < config.views.indexOf(view))
      for (const key of SHARED)
        if (dnssec[key] !== zone.dnssec[key])
          refuse(
            [...path, 'dnssec', key],
            `views share the keys of ${shownName(name)}: ${key} must be as in the view ${other.name}`,
          )
  }
}
