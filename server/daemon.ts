import { availableParallelism } from 'node:os'
import type { Status } from '../cli/replies.ts'
import type { Config } from '../config/schema.ts'
import type { Log } from '../host/log.ts'
import type { World } from '../host/world.ts'
import { type DaemonOwner, type Foundation, GRACE } from './foundation.ts'
import { loadLibc } from './listen/libc.ts'
import { openListeners } from './listeners.ts'
import { dropPrivileges } from './privileges.ts'
import { compareConfigs } from './reload.ts'
import { openDataDir } from './storage/data-dir.ts'
import { keepPriorities, yieldToServing } from './threads/priorities.ts'
import { startAhead, type ThreadsAhead } from './threads/spawn-serving.ts'
import type { Tracing } from './tracing/open.ts'

export type { DaemonOwner } from './foundation.ts'

/** A running daemon. */
export interface Daemon {
  status(): Status
  /** Takes over a checked configuration; names what changed, and what needs a restart. Rejects, and nothing changed, where a zone can't be loaded. */
  reload(config: Config): Promise<{ changed: string[]; restart: string[]; warnings: string[] }>
  /** Stops accepting, finishes what is in flight, flushes, closes. */
  stop(): Promise<void>
}

/**
 * Opens everything in the order of its dependencies; where one part fails, closes what was opened and rejects. Names are served first, and only
 * then is read what the rest is made of: it is most of the code, and nobody who asks for a name needs it.
 */
export async function startDaemon(first: Config, owner: DaemonOwner, world: World, log: Log): Promise<Daemon> {
  const opened: (() => unknown)[] = []
  const closeAll = async () => {
    for (const close of opened.reverse()) await close()
  }
  try {
    return await open(first, owner, world, log, opened, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function open(
  first: Config,
  owner: DaemonOwner,
  plain: World,
  log: Log,
  opened: Foundation['opened'],
  closeAll: () => Promise<void>,
): Promise<Daemon> {
  const started = plain.clock.now()
  /** Replaced by a reload. */
  let config = first
  let ready = false
  openDataDir(config.data_dir)
  const tracing = await openTracing(config, plain, log)
  if (tracing) opened.push(() => tracing.close(GRACE))
  const world = tracing ? { ...plain, tracer: tracing.tracer } : plain
  const count = config.workers === 'auto' ? availableParallelism() : config.workers
  const threads = startAhead(count)
  opened.push(() => threads.end())
  // All sockets are opened here: a thread that is replaced later could not bind them as another user.
  const libc = loadLibc()
  const listeners = await openListeners(config.listen, count, libc)
  opened.push(() => listeners.dns.close())
  opened.push(() => listeners.closeHttp(GRACE))
  keepPriorities(libc)
  if (dropPrivileges(config.user, config.data_dir)) log.info({ user: config.user }, 'gave up root')

  const foundation: Foundation = {
    ...{ config: () => config, ready: () => ready, owner, world, log, listeners, count, started, opened, tracing },
    inTurn: takeTurns(),
  }
  const { names, affairs } = await openParts(foundation, threads)
  ready = true
  yieldToServing()
  log.info({ listen: listeners.bound, workers: count, zones: [...names.authority.zones].length }, 'ready')

  const takeOver = async (next: Config) => {
    const compared = compareConfigs(config, next)
    const warnings = await names.configure(next, config)
    compared.restart.push(...affairs.reload(next))
    config = next
    affairs.plan()
    return { ...compared, warnings }
  }
  return {
    status: affairs.status,
    reload: next => foundation.inTurn(() => takeOver(next)),
    async stop() {
      ready = false
      await closeAll()
    },
  }
}

/** Loaded only where something is traced. */
async function openTracing({ tracing, name }: Config, world: World, log: Log): Promise<Tracing | undefined> {
  if (!tracing) return undefined
  const { openTracing } = await import('./tracing/open.ts')
  return openTracing(tracing, name, world, log)
}

async function openParts(foundation: Foundation, threads: ThreadsAhead) {
  const { openNames } = await import('./names.ts')
  const names = await openNames(foundation, threads)
  const { openAffairs } = await import('./affairs.ts')
  const affairs = await openAffairs(foundation, names)
  affairs.plan()
  return { names, affairs }
}

function takeTurns(): Foundation['inTurn'] {
  let turn: Promise<unknown> = Promise.resolve()
  return task => {
    const done = turn.then(task)
    turn = done.catch(() => {})
    return done
  }
}
