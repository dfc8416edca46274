/** What a handler makes of a request. */
export interface Answer {
  status?: number
  /** Sent as JSON; absent for an empty body. */
  body?: object
  /** A body that is no JSON, with its media type. */
  text?: { type: string; body: string }
  location?: string
  /** Link headers (RFC 8288) beside the directory's. */
  links?: string[]
  retryAfter?: number
}
