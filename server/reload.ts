import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/schema.ts'

/** Top-level keys that are read at start alone; a reload names those that changed. */
const AT_START = ['listen', 'workers', 'realtime', 'user', 'data_dir', 'database', 'tls', 'name', 'tracing'] as const

/** The top-level keys whose values differ, by whether a running daemon can take them over. */
export function compareConfigs(before: Config, after: Config): { changed: string[]; restart: string[] } {
  const differing = (Object.keys({ ...before, ...after }) as (keyof Config)[]).filter(
    key => !isDeepStrictEqual(before[key], after[key]),
  )
  const restart = differing.filter(key => (AT_START as readonly string[]).includes(key))
  // A CA can't come or go while running: its listeners, keys and accounts are opened at start.
  if (!before.ca !== !after.ca) restart.push('ca')
  if (before.cache.size !== after.cache.size) restart.push('cache')
  return { changed: differing.filter(key => !restart.includes(key)), restart }
}
