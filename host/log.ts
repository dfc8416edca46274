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
