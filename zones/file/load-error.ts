import type { ZonefileError } from '../../dns/zonefile.ts'

/** A zone whose file can't be used; says all that is wrong with it. */
export class ZoneLoadError extends Error {
  override name = 'ZoneLoadError'
  readonly code = 'zone-load'
  readonly errors: readonly ZonefileError[]
  constructor(errors: readonly ZonefileError[]) {
    super(errors.map(error => error.message).join('\n'))
    this.errors = errors
  }
}
