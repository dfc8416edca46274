import { isSubdomain, LOWER, type Name, parseName, printName } from '../../dns/name.ts'

/** Keeps names that mean something at home alone from servers of the world. */
export interface LeakGuard {
  /** Why the name is not to be sent out by a rule for `zone`; undefined where it may be. */
  reason(name: Name, zone: Name): string | undefined
}

/** Suffixes that the DNS of the world does not have, or must not be asked for: RFC 6762 §3 and appendix G, and what ICANN and Kubernetes keep for inside. */
const HOME_SUFFIXES = [
  'local',
  'internal',
  'cluster.local',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'localdomain',
].map(text => parseName(text))

/** Labels in a row that only search lists put in front of others. */
const DEBRIS = ['cluster.local'].map(text => parseName(text))

/** @param internal zones of ours that the asking view does not have, and strangers do not see */
export function createLeakGuard(internal: readonly Name[]): LeakGuard {
  const suffixes = [...HOME_SUFFIXES, ...internal]
  const sequences = [...DEBRIS, ...internal]
  return {
    reason(name, zone) {
      const suffix = suffixes.find(suffix => isSubdomain(name, suffix) && !isSubdomain(zone, suffix))
      if (suffix) return `names below ${printName(suffix)} are not sent to public upstreams`
      // A rule for anything but the root says where names with this end go.
      if (zone.length > 1) return undefined
      const inside = sequences.find(sequence => goesOnAfter(name, sequence))
      return (
        inside &&
        `${printName(inside)} with more behind it comes from a search list and is not sent to public upstreams`
      )
    },
  }
}

/** Whether the labels of `sequence` stand in `name` with other labels after them. */
function goesOnAfter(name: Name, sequence: Name): boolean {
  const length = sequence.length - 1
  for (let at = 0; at + length < name.length - 1; at += name[at]! + 1)
    if (name[at + length] !== 0 && hasAt(name, at, sequence, length)) return true
  return false
}

function hasAt(name: Name, at: number, sequence: Name, length: number): boolean {
  for (let i = 0; i < length; i++) if (LOWER[name[at + i]!] !== LOWER[sequence[i]!]) return false
  return true
}
