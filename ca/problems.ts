/**
 * Every problem an ACME client can be told (RFC 8555 §6.7), with the HTTP status it goes out with unless the place that
 * throws it knows better.
 */
export const PROBLEMS = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409, // RFC 9773 §7.4
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  caa: 403,
  compound: 400,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  invalidProfile: 400, // draft-ietf-acme-profiles
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 400,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
} as const
export type ProblemType = keyof typeof PROBLEMS

/** An identifier as the client sent it (RFC 8555 §9.7.7); `identifier.ts` has the checked form. */
export interface RequestedIdentifier {
  type: string
  value: string
}

/** A problem document (RFC 9457, RFC 8555 §6.7) as it goes to the client. Absent members are left out: some clients choke on null. */
export interface Problem {
  type: string
  detail: string
  status?: number
  algorithms?: readonly string[]
  identifier?: RequestedIdentifier
  subproblems?: Problem[]
}

/** What a problem may carry beside its type and detail. */
export interface ProblemOptions {
  status?: number
  /** One problem per identifier (RFC 8555 §6.7.1). */
  subproblems?: Problem[]
  /** The signature algorithms we take (RFC 8555 §6.2), for badSignatureAlgorithm. */
  algorithms?: readonly string[]
  /** Seconds after which the client may try again. */
  retryAfter?: number
  /** Link headers that tell more (RFC 8288). */
  links?: readonly string[]
  /** URL of the resource in the way, for example the account that holds a key (RFC 8555 §7.3.5). */
  location?: string
  cause?: unknown
}

/** A request is refused with this problem; thrown anywhere in the CA, rendered in `routes.ts` alone. Never put a secret in `detail`. */
export class AcmeError extends Error {
  override name = 'AcmeError'
  readonly code = 'acme'
  readonly type: ProblemType
  readonly status: number
  readonly options: ProblemOptions
  constructor(type: ProblemType, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.type = type
    this.status = options.status ?? PROBLEMS[type]
    this.options = options
  }
}

/** Load is shed with 503, never 4xx: cert-manager gives an order up for hours on any 4xx (RFC 8555 §6.6 allows Retry-After). */
export function overloaded(what: string, retryAfter = 5): AcmeError {
  return new AcmeError('rateLimited', `${what}; try again later`, { status: 503, retryAfter })
}

/** The problem of a resource that is not there, or not there for this account. */
export function notFound(what: string): AcmeError {
  return new AcmeError('malformed', `no such ${what}`, { status: 404 })
}

/** The document for any error; the unforeseen tells nothing of itself. */
export function problemOf(error: unknown): Problem & { status: number } {
  if (!(error instanceof AcmeError))
    return { type: urn('serverInternal'), detail: 'the server failed to process the request', status: 500 }
  const { algorithms, subproblems } = error.options
  return {
    type: urn(error.type),
    detail: error.message,
    status: error.status,
    ...(algorithms && { algorithms }),
    ...(subproblems && subproblems.length > 0 && { subproblems }),
  }
}

/** The subproblem of one identifier (RFC 8555 §6.7.1). */
export function subproblem(type: ProblemType, identifier: RequestedIdentifier, detail: string): Problem {
  return { type: urn(type), detail, identifier }
}

function urn(type: ProblemType): string {
  return `urn:ietf:params:acme:error:${type}`
}

/** What a client sent, short and without control characters, fit for a problem's detail. */
export function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?')
  return clean.length > 200 ? `${clean.slice(0, 197)}...` : clean
}
