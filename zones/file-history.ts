import { equalNames } from '../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../dns/record.ts'
import { serialGreater } from '../dns/serial.ts'
import { type Changeset, diffRecords, MergedChanges } from './change.ts'
import { recordsOf } from './draft.ts'
import type { ZoneVersion } from './zone.ts'

/**
 * What a zone that is its file has been lately, for the IXFR (RFC 1995) of its secondaries. Never changed: a file that was read again
 * gives another one. Together the changes have no more records than the zone.
 */
export class FileHistory {
  private readonly steps: readonly { serial: number; change: Changeset }[]
  /** Serials up to this one have stood for more than one content: nobody knows which of them a secondary has. */
  private readonly unclear: number | undefined

  constructor(steps: FileHistory['steps'] = [], unclear?: number) {
    this.steps = steps
    this.unclear = unclear
  }

  /** With the change that led from `before` to `after`. */
  with(before: ZoneVersion, after: ZoneVersion, change: Changeset): FileHistory {
    const [was, is] = [before.serial(), after.serial()]
    const unclear = this.unclear !== undefined && serialGreater(this.unclear, was) ? this.unclear : was
    if (!serialGreater(is, was)) return new FileHistory([], unclear)
    if (this.unclear === unclear) return this
    const steps = [...this.steps, { serial: was, change }]
    const size = () => steps.reduce((sum, { change: { added, deleted } }) => sum + added.length + deleted.length, 0)
    while (size() > after.size()) steps.shift()
    return new FileHistory(steps, this.unclear)
  }

  /** What has changed since the zone had this serial; undefined where that is not known any more. */
  since(serial: number): Changeset | undefined {
    const from = this.steps.findLastIndex(step => step.serial === serial)
    if (from < 0) return undefined
    const merged = new MergedChanges()
    for (const { change } of this.steps.slice(from)) merged.add(change)
    return merged.whole()
  }
}

/** What leads from one version to the other; both are walked at once, and only what differs is held. */
export function diffVersions(before: ZoneVersion, after: ZoneVersion): Changeset {
  const deleted: ResourceRecord[] = []
  const added: ResourceRecord[] = []
  const [old, young] = [before.rrsets()[Symbol.iterator](), after.rrsets()[Symbol.iterator]()]
  let was = next(old)
  let is = next(young)
  while (was || is) {
    if (was && is && was.type === is.type && equalNames(was.owner, is.owner)) {
      if (!isEqual(was, is)) {
        deleted.push(...recordsOf(was))
        added.push(...recordsOf(is))
      }
      was = next(old)
      is = next(young)
      // Both walks have the same order: of two that differ, one is in its own version alone.
    } else if (is && (!was || !before.rrset(is.owner, is.type))) {
      added.push(...recordsOf(is))
      is = next(young)
    } else {
      deleted.push(...recordsOf(was!))
      was = next(old)
    }
  }
  return diffRecords(deleted, added)
}

function next(rrsets: Iterator<RRset>): RRset | undefined {
  const { done, value } = rrsets.next()
  return done ? undefined : value
}

function isEqual(a: RRset, b: RRset): boolean {
  if (a.ttl !== b.ttl || a.rdatas.length !== b.rdatas.length || !equalOctets(a.owner, b.owner)) return false
  return a.rdatas.every((rdata, i) => equalOctets(rdata, b.rdatas[i]!))
}
