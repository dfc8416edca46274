import type { FastifyRequest } from 'fastify'

/**
 * A cookie to be set, for so many seconds, that no script reads. RFC 6265bis §4.1.3.2: its name must begin with `__Host-`, with which browsers take
 * it from us alone, over TLS alone.
 */
export function printCookie(
  name: `__Host-${string}`,
  value: string,
  seconds: number,
  sameSite: 'Strict' | 'Lax',
): string {
  return `${name}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=${sameSite}`
}

/** The value of a request's cookie. */
export function cookieOf({ headers }: FastifyRequest, name: string): string | undefined {
  const pairs = (headers.cookie ?? '').split(/; */)
  const found = pairs.find(pair => pair.startsWith(`${name}=`))
  return found?.slice(name.length + 1)
}
