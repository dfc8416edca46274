import { serialGreater } from '../../dns/serial.ts'
import { Reader, Writer } from '../../dns/wire.ts'
import { type Changeset, decodeChange, encodeChange, MergedChanges } from '../change.ts'
import type { ZoneVersion } from '../zone.ts'

/** One change of a zone's file. */
export interface FileStep {
  /** The serial before. */
  serial: number
  /** When the file was read that has the change, milliseconds since 1970. */
  at: number
  change: Changeset
}

/**
 * What a zone that is its file has been lately, for the IXFR (RFC 1995) of its secondaries. Never changed: a file that was read again
 * gives another one. Together the changes have no more records than the zone.
 */
export class FileHistory {
  /** The oldest first. */
  readonly steps: readonly FileStep[]
  /** Serials up to this one have stood for more than one content: nobody knows which of them a secondary has. */
  private readonly unclear: number | undefined

  constructor(steps: FileHistory['steps'] = [], unclear?: number) {
    this.steps = steps
    this.unclear = unclear
  }

  /** The history that `encode` wrote. */
  static decode(octets: Uint8Array): FileHistory {
    const reader = new Reader(octets)
    const isUnclear = reader.u8() === 1
    const unclear = reader.u32()
    const steps: FileStep[] = []
    while (reader.pos < octets.length) {
      const [serial, high, low] = [reader.u32(), reader.u32(), reader.u32()]
      steps.push({ serial, at: high * 2 ** 32 + low, change: decodeChange(reader.bytes(reader.u32())) })
    }
    return new FileHistory(steps, isUnclear ? unclear : undefined)
  }

  encode(): Uint8Array {
    const writer = new Writer()
    writer.u8(this.unclear === undefined ? 0 : 1)
    writer.u32(this.unclear ?? 0)
    for (const { serial, at, change } of this.steps) {
      const octets = encodeChange(change)
      for (const number of [serial, Math.floor(at / 2 ** 32), at % 2 ** 32, octets.length]) writer.u32(number)
      writer.bytes(octets)
    }
    return writer.done().slice()
  }

  /** After a change that nobody saw, from one serial to another. */
  afterUnseen(was: number, is: number): FileHistory {
    return serialGreater(is, was) ? new FileHistory([], this.unclear) : new FileHistory([], was)
  }

  /** With the change that led from `before` to `after`, read `at` this time. */
  with(before: ZoneVersion, after: ZoneVersion, change: Changeset, at: number): FileHistory {
    const [was, is] = [before.serial(), after.serial()]
    const unclear = this.unclear !== undefined && serialGreater(this.unclear, was) ? this.unclear : was
    if (!serialGreater(is, was)) return new FileHistory([], unclear)
    if (this.unclear === unclear) return this
    const steps = [...this.steps, { serial: was, at, change }]
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
