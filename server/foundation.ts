import type { Config } from '../config/schema.ts'
import type { Log } from '../host/log.ts'
import type { World } from '../host/world.ts'
import type { Listeners } from './listeners.ts'
import type { Tracing } from './tracing/open.ts'

/** Whoever runs the daemon, for what the control socket asks of it. */
export interface DaemonOwner {
  configFile: string
  reload: () => Promise<object>
  stop: () => void
  /** The daemon can't go on and is to be stopped. */
  fail: (error: Error) => void
}

/** What all parts of a daemon stand on, whose order of opening is in daemon.ts. */
export interface Foundation {
  /** As it is now; a reload replaces it. */
  config: () => Config
  owner: DaemonOwner
  world: World
  log: Log
  listeners: Listeners
  /** Undefined where nothing is traced. */
  tracing: Tracing | undefined
  /** How many threads serve. */
  count: number
  /** Milliseconds since 1970. */
  started: number
  ready: () => boolean
  /** Closes what was opened, in the other order, when the daemon stops or can't start. */
  opened: (() => unknown)[]
  /** One after the other: two reloads at once would open the same new zone twice. */
  inTurn<T>(task: () => Promise<T>): Promise<T>
}

/** What is in flight when a stop is asked for may take so many milliseconds. */
export const GRACE = 5000
