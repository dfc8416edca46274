import type { KeyObject } from 'node:crypto'
import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { type Name, nameKey } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { type Log, silentLog } from '../../host/log.ts'
import { type KeyFiles, readRing } from './file.ts'
import type { AskParents } from './parent.ts'
import { KeyRing } from './ring.ts'

export { KeyFileError, type KeyFiles } from './file.ts'
export { KeyRequestError, type KeyRing, type Lags } from './ring.ts'

/** The key rings of all zones that we sign. */
export interface KeyRings {
  /** The ring of the zone's name, which may be empty. Rejects with KeyFileError. */
  of(origin: Name): Promise<KeyRing>
  /** While zones come and go together, no ring decides anything: it would not know whom it is for. */
  hold(): void
  /** All are there that there will be. */
  release(): void
}

export interface KeyRingOptions {
  log?: Log
  /** Asks the parents of a zone for its DS; left out: operators say when it is there. */
  askParents?: AskParents
  /** Makes a private key; left out: a new one. */
  newKey?: (algorithm: number) => Promise<KeyObject>
}

/** Key rings in a folder: one file of mode 0600 for each zone name. */
export function createKeyRings(files: KeyFiles, clock: Clock, options: KeyRingOptions = {}): KeyRings {
  const { log = silentLog, askParents, newKey = algorithm => dnssecAlgorithm(algorithm)!.generate() } = options
  const rings = new Map<string, Promise<KeyRing>>()
  let holds = 0
  const deps = { files, clock, log, askParents, newKey, held: () => holds > 0 }
  const open = async (origin: Name) => new KeyRing(origin, await readRing(files, origin), deps)
  return {
    of(origin) {
      const key = nameKey(origin)
      const known = rings.get(key)
      if (known) return known
      const opening = open(origin)
      rings.set(key, opening)
      opening.catch(() => rings.delete(key))
      return opening
    },
    hold: () => void holds++,
    release() {
      holds--
      for (const ring of rings.values())
        ring
          .then(one => one.advance())
          .catch(error => log.error({ reason: error.message }, 'the keys could not move on'))
    },
  }
}
