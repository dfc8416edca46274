import type { Status } from '../cli/replies.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { type ConfigError, printConfigError } from '../config/source.ts'
import { StorageError } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import { TokenError } from '../host/pkcs11/token.ts'
import { systemWorld } from '../host/world.ts'
import { ZoneLoadError } from '../zones/file/load-error.ts'
import { CommandError } from './control/control.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { loadLibc } from './listen/libc.ts'
import { ListenError } from './listen/sockets.ts'
import { createLog } from './log.ts'
import { createServiceManager } from './service-manager.ts'
import { diskFailure } from './storage/data-dir.ts'

/** What `serve` needs of its caller. */
export interface ServeOptions {
  configFile: string
  /** Called once every listener answers. */
  onReady?: (status: Status) => void
}

/**
 * Runs the daemon until SIGTERM, SIGINT or the stop command, and resolves with its exit code. Rejects with CommandError where it can't
 * be started: all that is wrong with the configuration, or one sentence about the machine.
 */
export async function serve({ configFile, onReady }: ServeOptions): Promise<number> {
  const { config, warnings } = readConfig(configFile)
  const { log, setLevel } = createLog(config.log.level)
  warn(log, warnings)
  /** Resolves with why it has to end, where that is not its owner's wish. */
  const { promise: stopped, resolve } = Promise.withResolvers<Error | undefined>()
  const stop = () => resolve(undefined)
  let daemon: Daemon | undefined
  const { clock } = systemWorld
  const manager = createServiceManager({ libc: loadLibc(), env: process.env, pid: process.pid, clock })
  const tellReady = (): void => manager.ready(summary(daemon!.status()))

  const reload = async (): Promise<object> => {
    if (!daemon) throw new CommandError('the daemon is still starting')
    manager.reloading()
    return takeOver(daemon).finally(tellReady)
  }
  const takeOver = async (daemon: Daemon): Promise<object> => {
    const next = readConfig(configFile)
    const done = await daemon.reload(next.config).catch(error => Promise.reject(operatorError(error)))
    setLevel(next.config.log.level)
    warn(log, next.warnings)
    log.info({ changed: done.changed, restart: done.restart }, 'configuration reloaded')
    return { ...done, warnings: [...next.warnings.map(printConfigError), ...done.warnings] }
  }
  const onHangup = () => {
    reload().catch(error =>
      log.error(
        { errors: error instanceof CommandError ? error.errors : [String(error)] },
        'reload refused; the old configuration stays',
      ),
    )
  }
  const signals = { SIGTERM: stop, SIGINT: stop, SIGHUP: onHangup } as const
  for (const [signal, listener] of Object.entries(signals)) process.on(signal, listener)
  // What nobody foresaw is logged before the process ends: a half-working daemon would be worse than a restarted one.
  process.on('uncaughtExceptionMonitor', error => log.error({ err: error }, 'unforeseen failure'))
  try {
    daemon = await startDaemon(config, { configFile, reload, stop, fail: resolve }, systemWorld, log)
    tellReady()
    onReady?.(daemon.status())
    const failure = await stopped
    manager.stopping()
    log.info({}, 'stopping')
    await daemon.stop()
    log.info({}, 'stopped')
    if (failure) throw failure
    return 0
  } catch (error) {
    throw diskFailure(config.data_dir, error) ?? operatorError(error)
  } finally {
    manager.close()
    for (const [signal, listener] of Object.entries(signals)) process.off(signal, listener)
  }
}

/** What `systemctl status` shows. */
function summary({ zones, listen }: Status): string {
  return `serving ${zones} zones on ${(listen['dns'] ?? []).join(', ')}`
}

function readConfig(file: string): { config: Config; warnings: ConfigError[] } {
  const { config, errors, warnings } = loadConfig(file)
  if (!config) throw new CommandError(errors.map(printConfigError), 2)
  return { config, warnings }
}

function warn(log: Log, warnings: readonly ConfigError[]): void {
  for (const { file, line, column, message } of warnings) log.warn({ file, line, column }, message)
}

/** The failures that operators meet, in the words written for them; anything else as it is. */
function operatorError(error: unknown): unknown {
  if (error instanceof ZoneLoadError)
    return new CommandError(
      error.errors.map(({ message }) => message),
      2,
    )
  // Exit 2 keeps the service manager from starting us again, with the same PIN, until the token is locked.
  if (error instanceof TokenError && error.code === 'pin') return new CommandError(error.message, 2)
  if (error instanceof ListenError || error instanceof StorageError) return new CommandError(error.message)
  return error
}
