/** What every room may write to: pino's shape, so that pino itself fits. Never hand it a secret. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A log whose lines all carry `fields`, for example a request id. */
  child(fields: object): Log
}

/** A log that keeps nothing; for tests and for tools that print their own findings. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog }

/** The same log; its warnings and errors are told, too, with what they are about. */
export function overheard(log: Log, tell: (text: string) => void): Log {
  const overhear = (level: 'warn' | 'error') => (fields: object, message: string) => {
    const { what, reason } = fields as { what?: unknown; reason?: unknown }
    const about = what ?? reason
    tell(about === undefined ? message : `${message}: ${about}`)
    log[level](fields, message)
  }
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: overhear('warn'),
    error: overhear('error'),
    child: fields => overheard(log.child(fields), tell),
  }
}
