import { serialGreater } from '../dns/serial.ts'
import { type Changeset, MergedChanges } from './change.ts'
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
