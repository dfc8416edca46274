import type { GrantConfig, OidcConfig } from '../../config/schema.ts'
import type { Token } from '../api/tokens.ts'
import { ASK, LoginRefusal } from './refusal.ts'

/** What a provider says of somebody (OpenID Connect §5.1); of any shape but `sub`. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string }

/** What can be shown in a line of text, and can't be taken for something else: no blanks, quotes, controls or directions of writing. */
const NAME = /^[^\s\p{C}"\\]{1,255}$/u

/** What somebody may do of whom this is true. Throws LoginRefusal where that is nothing. `since` is when they logged in. */
export function personOf(oidc: OidcConfig, claims: Claims, since: number): Token {
  const name = nameOf(oidc, claims)
  const grant = oidc.grants.find(one => fits(one, claims))
  if (!grant)
    throw new LoginRefusal(
      403,
      `nothing is granted to ${name} here`,
      'Ask whoever runs this server for access, or sign in as somebody else.',
    )
  return {
    ...{ id: `oidc ${claims.sub}`, kind: 'person', name },
    ...{ zones: grant.zones, roles: [grant.role], views: grant.views },
    ...{ from: undefined, created: since, expires: undefined },
  }
}

/** The claims that are looked at. */
export function claimsWanted({ name, grants }: OidcConfig): string[] {
  return [...new Set([name, ...grants.map(({ claim }) => claim)])]
}

/** The claim, by its whole name, or else by its parts between dots. */
export function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  return name.split('.').reduce<unknown>((at, part) => {
    const isMap = typeof at === 'object' && at !== null && Object.hasOwn(at, part)
    return isMap ? (at as Readonly<Record<string, unknown>>)[part] : undefined
  }, claims)
}

function nameOf({ name: claim }: OidcConfig, claims: Claims): string {
  const name = claimOf(claims, claim)
  if (typeof name !== 'string' || !NAME.test(name))
    throw new LoginRefusal(403, `the provider gives no ${claim} by which you could be named`, ASK)
  if (claim === EMAIL && isUnverified(claims))
    throw new LoginRefusal(
      403,
      `the provider has not verified the address ${name}`,
      'Have it verified there, then sign in again.',
    )
  return name
}

const EMAIL = 'email'

/** OpenID Connect §5.7: anybody may claim an address that nobody has looked at. */
function isUnverified(claims: Claims): boolean {
  return claims['email_verified'] !== undefined && claims['email_verified'] !== true
}

function fits({ claim, values }: GrantConfig, claims: Claims): boolean {
  if (claim === EMAIL && isUnverified(claims)) return false
  const found = claimOf(claims, claim)
  return (Array.isArray(found) ? found : [found]).some(one => typeof one === 'string' && values.includes(one))
}
