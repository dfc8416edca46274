import type { Kind } from './kinds.ts'
import { parsed } from './values.ts'

/** A URI, or one that ends in two stars after a slash, for all below it. */
export const uriPattern: Kind<string> = parsed('URI, or one that ends in /** for all below it', value =>
  /^[a-z][a-z0-9+.-]*:\/\/[^*]+?(\/\*\*)?$/.test(value) ? value : undefined,
)

/** Whether a URI is what the pattern means. */
export function coversUri(pattern: string, uri: string): boolean {
  return pattern.endsWith('/**') ? uri.startsWith(pattern.slice(0, -2)) : uri === pattern
}
