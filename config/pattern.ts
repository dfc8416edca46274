import { TextError } from '../dns/errors.ts'
import { isSubdomain, isWildcard, LOWER, labelsOf, type Name, parseName } from '../dns/name.ts'
import { matchGlob } from './glob.ts'

/** One label of a pattern: octets in lower case, "*" for exactly one label, "**" for any number of labels, none included. */
export type PatternLabel = Uint8Array | '*' | '**'

/** A set of domain names; plain data, so that it may be handed to a thread. */
export interface NamePattern {
  /** As the operator wrote it. */
  text: string
  labels: PatternLabel[]
  /** Its last label is "*" or "**": taken below the zone's origin where there is one. */
  relative: boolean
}

/** Reads a pattern: a domain name some of whose labels are "*" or "**". Throws TextError. */
export function compilePattern(text: string): NamePattern {
  const labels = labelsOf(parseName(text)).map(patternLabel)
  // Two adjacent "**" say no more than one, and matching them would take quadratic time.
  if (labels.some((label, i) => label === '**' && labels[i + 1] === '**'))
    throw new TextError(`"${text}" has two "**" in a row`)
  const last = labels.at(-1)
  return { text, labels, relative: last === '*' || last === '**' }
}

function patternLabel(label: Uint8Array): PatternLabel {
  if (label.every(octet => octet === 0x2a) && label.length <= 2) return label.length === 1 ? '*' : '**'
  return label.map(octet => LOWER[octet]!)
}

/**
 * Whether the pattern covers the name. With an origin (a zone's) a relative pattern is taken below it, and the apex is covered only
 * by a pattern that names it in full. A wildcard owner (RFC 4592 §2.1.1) is covered only with `wildcards`.
 */
export function matchesPattern(
  pattern: NamePattern,
  name: Name,
  origin?: Name,
  options: { wildcards?: boolean } = {},
): boolean {
  if (isWildcard(name) && !options.wildcards) return false
  const labels = labelsOf(name)
  const originLabels = origin ? labelsOf(origin) : []
  const isApex = origin !== undefined && labels.length === originLabels.length
  if (isApex && pattern.labels.some(label => typeof label === 'string')) return false
  if (!pattern.relative || !origin) return matchLabels(pattern.labels, labels)
  const cut = labels.length - originLabels.length
  if (cut < 0 || !matchLabels(originLabels, labels.slice(cut))) return false
  return matchLabels(pattern.labels, labels.slice(0, cut))
}

/** Whether the pattern can cover a name at or below `domain` at all, taken without an origin. */
export function mayMatchBelow(pattern: NamePattern, domain: Name): boolean {
  const start = pattern.labels.findLastIndex(label => typeof label === 'string') + 1
  const literal = pattern.labels.slice(start) as Uint8Array[]
  const suffix = Uint8Array.from([...literal.flatMap(label => [label.length, ...label]), 0])
  return isSubdomain(suffix, domain) || (start > 0 && isSubdomain(domain, suffix))
}

const matchLabels = (pattern: readonly PatternLabel[], labels: readonly Uint8Array[]): boolean =>
  matchGlob<PatternLabel, Uint8Array>(pattern, labels, '**', matchesLabel)

function matchesLabel(expected: PatternLabel, label: Uint8Array): boolean {
  if (typeof expected === 'string') return expected === '*'
  return expected.length === label.length && expected.every((octet, i) => LOWER[octet] === LOWER[label[i]!])
}
