import { printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { typeName } from '../../dns/types.ts'

/** A record that a zone cannot hold, or a change that does not fit the version it is applied to. Nothing was changed. */
export class ZoneError extends Error {
  override name = 'ZoneError'
  readonly code = 'zone'
  /** The record at fault, where it is one. */
  readonly record: ResourceRecord | undefined
  constructor(message: string, record?: ResourceRecord) {
    super(record ? `${printName(record.owner)} ${typeName(record.type)}: ${message}` : message)
    this.record = record
  }
}
