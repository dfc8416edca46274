import { type Name, nameKey, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { additionOf } from '../../zones/history/history.ts'
import { mayWriteName } from '../../zones/policy.ts'
import type { ServingView } from '../requests/state.ts'
import type { ServedZone } from './zones.ts'

/** What the CA asks of our own zones: who may write a name, and who wrote a record. */
export interface Ownership {
  /** Whether the holder of the TSIG key may decide what the name is. */
  mayWrite(key: Name, name: Name): boolean
  /** The change by which a record came into being; undefined where it is not in a zone of ours. */
  provenance(record: ResourceRecord): Promise<RecordedChange | undefined>
}

/** A change of a zone, as far as it is still known. */
export interface RecordedChange {
  view: string
  zone: string
  serial?: number
  /** RFC 3339. */
  at?: string
  key?: string
  source?: string
}

/** Changes looked through for a record. */
const LOOKED_THROUGH = 500

/** Answers from the view in which challenges are looked up. */
export function createOwnership(
  viewOf: () => ServingView | undefined,
  zoneOf: (view: string, origin: Name) => ServedZone | undefined,
): Ownership {
  return {
    mayWrite(key, name) {
      const view = viewOf()
      const origin = view?.zones.find(name, 0)?.origin
      const config = origin && view.configs.get(nameKey(origin))
      return config !== undefined && mayWriteName(config.update, key, name, config.name)
    },
    async provenance(record) {
      const view = viewOf()
      const origin = view?.zones.find(record.owner, 0)?.origin
      const zone = origin && zoneOf(view.name, origin)
      if (!zone) return undefined
      const where = { view: zone.view, zone: printName(zone.origin) }
      const { pipeline } = zone
      if (!pipeline) return where
      const holder = pipeline.holders.of(record)
      const held = { ...where, ...(holder !== undefined && { key: holder }) }
      const found = await additionOf(pipeline, record, LOOKED_THROUGH)
      if (!found) return held
      return { ...held, serial: found.serialAfter, at: new Date(found.at).toISOString(), source: found.source }
    },
  }
}
