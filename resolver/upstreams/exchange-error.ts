/** Why a server gave no usable answer. */
export type ExchangeFailure =
  /** Silence. */
  | 'timeout'
  /** The connection was refused, reset, or its handshake failed. */
  | 'network'
  /** This machine has no socket or memory left; the server is not to blame. */
  | 'local'
  /** What came back breaks the format, or does not answer the question. */
  | 'invalid'

/** One exchange with one server failed. */
export class ExchangeError extends Error {
  override name = 'ExchangeError'
  readonly code = 'exchange'
  readonly failure: ExchangeFailure
  constructor(failure: ExchangeFailure, message: string) {
    super(message)
    this.failure = failure
  }
}

const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE'])

/** A socket's error as an exchange's. */
export function socketFailure(error: NodeJS.ErrnoException): ExchangeError {
  return new ExchangeError(EXHAUSTED.has(error.code ?? '') ? 'local' : 'network', error.message)
}
