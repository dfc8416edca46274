import {
  type Identifier,
  IdentifierError,
  isWildcardIdentifier,
  parseIdentifier,
  uniqueIdentifiers,
} from '../identifier.ts'
import {
  AcmeError,
  type Problem,
  type ProblemType,
  printable,
  type RequestedIdentifier,
  subproblem,
} from '../problems.ts'

/** Identifiers in one order; more would make certificates that clients choke on. */
export const MAX_IDENTIFIERS = 100

/** What one authorization is about: a name without its "*.", or an address, in canonical form. */
export interface Subject {
  identifier: Identifier
  wildcard: boolean
}

/** Reads `identifiers` of newOrder (RFC 8555 §7.4) as they were sent; each bad one becomes a subproblem. */
export function readIdentifiers(value: unknown, types: readonly string[]): RequestedIdentifier[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new AcmeError('malformed', '"identifiers" must be a list of at least one')
  if (value.length > MAX_IDENTIFIERS)
    throw new AcmeError('malformed', `an order may hold ${MAX_IDENTIFIERS} identifiers, not ${value.length}`)
  const identifiers = value.map(readIdentifier)
  refuseEach('unsupportedIdentifier', identifiers, ({ type }) =>
    types.includes(type) ? undefined : `identifiers of type "${printable(type)}" are not supported`,
  )
  refuseEach('malformed', identifiers, syntaxError)
  return identifiers
}

function readIdentifier(entry: unknown): RequestedIdentifier {
  const { type, value } = (entry ?? {}) as Record<string, unknown>
  if (typeof type !== 'string' || typeof value !== 'string')
    throw new AcmeError('malformed', 'an identifier must have the strings "type" and "value"')
  return { type, value }
}

function syntaxError({ type, value }: RequestedIdentifier): string | undefined {
  try {
    parseIdentifier(type, value)
    return undefined
  } catch (error) {
    if (error instanceof IdentifierError) return printable(error.message)
    throw error
  }
}

/** Throws one problem with a subproblem for each identifier that `why` finds fault with (RFC 8555 §6.7.1). */
export function refuseEach<T extends RequestedIdentifier>(
  type: ProblemType,
  identifiers: readonly T[],
  why: (identifier: T) => string | undefined,
): void {
  const problems: Problem[] = identifiers.flatMap(identifier => {
    const reason = why(identifier)
    return reason === undefined ? [] : [subproblem(type, identifier, reason)]
  })
  if (problems.length === 0) return
  const detail = problems.length === 1 ? problems[0]!.detail : `${problems.length} identifiers were refused`
  throw new AcmeError(type, detail, { subproblems: problems })
}

/** The identifiers in canonical form, each once. */
export function canonicalIdentifiers(requested: readonly RequestedIdentifier[]): Identifier[] {
  return uniqueIdentifiers(requested.map(({ type, value }) => parseIdentifier(type, value)))
}

/** The subjects to be authorized, each once (RFC 8555 §7.1.3: duplicates may be seen as one). */
export function subjectsOf(identifiers: readonly RequestedIdentifier[]): Subject[] {
  const subjects = new Map<string, Subject>()
  for (const { type, value } of identifiers) {
    const identifier = parseIdentifier(type, value)
    const wildcard = isWildcardIdentifier(identifier)
    // RFC 8555 §7.1.4: the authorization of a wildcard holds the name below "*." and says `wildcard: true`.
    const subject = wildcard ? { ...identifier, value: identifier.value.slice(2) } : identifier
    subjects.set(`${identifier.type}:${identifier.value}`, { identifier: subject, wildcard })
  }
  return [...subjects.values()]
}
