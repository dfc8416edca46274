import { tellsPrivate } from '../config/private-addresses.ts'
import { isSubdomain, type Name } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'

/** Takes private addresses out of what the world answers: a page from outside shall not reach what is inside by a name of its own (DNS rebinding). */
export interface RebindingProtection {
  /** The records that may pass; the same list where all may. */
  pass(records: readonly ResourceRecord[]): readonly ResourceRecord[]
}

/** @param except names, and all below, that may have private addresses */
export function createRebindingProtection(except: readonly Name[]): RebindingProtection {
  const may = (record: ResourceRecord) =>
    !isPrivateRecord(record) || except.some(name => isSubdomain(record.owner, name))
  return { pass: records => (records.every(may) ? records : records.filter(may)) }
}

/** What can't be read tells nothing to anybody. */
function isPrivateRecord(record: ResourceRecord): boolean {
  try {
    return tellsPrivate(record)
  } catch {
    return false
  }
}
