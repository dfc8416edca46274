import { Class, rcodeName } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialGreater } from '../../dns/serial.ts'
import { isMetaType, Type } from '../../dns/types.ts'
import type { Changeset } from '../change.ts'
import { ZoneError } from '../image/errors.ts'
import { soaSerial } from '../soa.ts'
import { RemoteError } from './remote.ts'

/** What a transfer brought. */
export type Transferred =
  /** Nothing newer than what we have. */
  | { kind: 'current' }
  /** The whole zone, its SOA first. */
  | { kind: 'whole'; records: ResourceRecord[] }
  /** What leads from our version to the newest, one step after another. */
  | { kind: 'differences'; steps: Changeset[] }

/**
 * Reads the answers to an AXFR (RFC 5936 §2.2) or, where `ours` is given, to an IXFR (RFC 1995 §4), record by record. Nothing of it counts
 * before the last: whatever does not fit ends it with ZoneError or RemoteError.
 */
export class IncomingTransfer {
  private readonly origin: Name
  /** The serial that we have, for IXFR. */
  private readonly ours: number | undefined
  private first: ResourceRecord | undefined
  private count = 0
  private readonly records: ResourceRecord[] = []
  /** Present once it is clear that what comes are differences. */
  private steps: Changeset[] | undefined
  private adding = false
  private done = false

  constructor(origin: Name, ours?: number) {
    this.origin = origin
    this.ours = ours
  }

  /** Takes one message; true once the transfer is whole. */
  accept({ rcode, answer }: Message): boolean {
    if (rcode !== 0) throw new RemoteError(`the transfer was answered ${rcodeName(rcode)}`)
    for (const record of answer) this.take(record)
    // RFC 1995 §4: a single SOA that is not newer than ours. One that is newer may be the beginning of a whole zone.
    if (this.ours !== undefined && this.count === 1 && !serialGreater(soaSerial(this.first!.rdata), this.ours))
      this.done = true
    return this.done
  }

  /** What has come; to be asked for when `accept` has returned true. */
  get result(): Transferred {
    if (this.steps) return { kind: 'differences', steps: this.steps }
    return this.count === 1 ? { kind: 'current' } : { kind: 'whole', records: this.records }
  }

  /** How many records of a whole zone have come. */
  get size(): number {
    return this.records.length
  }

  private take(record: ResourceRecord): void {
    if (this.done) throw new ZoneError('comes after the end of the transfer', record)
    this.check(record)
    this.count++
    if (!this.first) this.begin(record)
    else if (this.count === 2 && this.isDifference(record)) this.steps = [{ deleted: [record], added: [] }]
    else if (this.steps) this.takeDifference(record, this.steps)
    else this.takeWhole(record)
  }

  private check(record: ResourceRecord): void {
    const { owner, type } = record
    if (record.class !== Class.IN) throw new ZoneError(`has class ${record.class}`, record)
    if (!isSubdomain(owner, this.origin)) throw new ZoneError(`is outside the zone ${printName(this.origin)}`, record)
    if (isMetaType(type)) throw new ZoneError('is of a type that no zone can hold', record)
    if (type === Type.SOA && !equalNames(owner, this.origin)) throw new ZoneError('is an SOA below the apex', record)
  }

  private begin(record: ResourceRecord): void {
    if (record.type !== Type.SOA) throw new ZoneError('comes first, where the SOA must be', record)
    this.first = record
    this.records.push(record)
  }

  /** RFC 1995 §4: the second record tells; an SOA with our serial begins the differences. */
  private isDifference(record: ResourceRecord): boolean {
    return record.type === Type.SOA && this.ours !== undefined && soaSerial(record.rdata) === this.ours
  }

  private takeWhole(record: ResourceRecord): void {
    if (record.type !== Type.SOA) {
      this.records.push(record)
      return
    }
    // RFC 5936 §2.2: the SOA that ends it is the one that began it.
    if (soaSerial(record.rdata) !== soaSerial(this.first!.rdata))
      throw new ZoneError('ends a transfer that began with another serial', record)
    this.done = true
  }

  private takeDifference(record: ResourceRecord, steps: Changeset[]): void {
    const step = steps.at(-1)!
    if (record.type !== Type.SOA) {
      ;(this.adding ? step.added : step.deleted).push(record)
      return
    }
    const serial = soaSerial(record.rdata)
    if (!this.adding) {
      if (!serialGreater(serial, soaSerial(step.deleted[0]!.rdata)))
        throw new ZoneError('is the new SOA of a difference, and its serial is not newer than the old', record)
      this.adding = true
      step.added.push(record)
      return
    }
    const reached = soaSerial(step.added[0]!.rdata)
    if (serial !== reached)
      throw new ZoneError(`goes on from serial ${serial}, and the difference before led to ${reached}`, record)
    if (serial === soaSerial(this.first!.rdata)) this.done = true
    else {
      this.adding = false
      steps.push({ deleted: [record], added: [] })
    }
  }
}
