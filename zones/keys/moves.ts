import type { Log } from '../../host/log.ts'
import type { ZoneKey } from './key.ts'
import { isIn, stageOf } from './state.ts'

/** Whether what the key does in the zone is on its way in or out. */
export function isMoving({ publication, signing }: ZoneKey): boolean {
  return [publication, signing].some(({ phase }) => phase === 'entering' || phase === 'leaving')
}

/** What of the keys can be seen in the zone: the same text where nothing else can. */
export function shownOf(keys: readonly ZoneKey[]): string {
  return JSON.stringify(
    keys.map(({ keyTag, publication, signing, trust, retired }) => [
      keyTag,
      ...[publication, signing, trust].map(isIn),
      retired === undefined,
    ]),
  )
}

/** Logs which keys have come, gone, or reached another stage. */
export function tellMoves(log: Log, before: readonly ZoneKey[], after: readonly ZoneKey[]): void {
  const stages = new Map(before.map(key => [key.keyTag, stageOf(key)]))
  for (const key of after) {
    const stage = stageOf(key)
    const { keyTag: key_tag, role, algorithm } = key
    if (stages.get(key_tag) !== stage) log.info({ key_tag, role, algorithm, stage }, 'a key has moved on')
    stages.delete(key_tag)
  }
  for (const key_tag of stages.keys()) log.info({ key_tag }, 'a key was deleted')
}
