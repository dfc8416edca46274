/** Why a server gave no usable answer. */
export type ExchangeFailure =
  /** Silence. */
  | 'timeout'
  /** The connection was refused, reset, or its handshake failed. */
  | 'network'
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
