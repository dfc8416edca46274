import type { Hierarchy } from './hierarchy.ts'
import type { Issuance } from './issue.ts'
import type { Policy } from './policy.ts'
import type { Profile } from './profiles.ts'
import type { RevocationService } from './revoke.ts'

/** What stands behind one directory: who signs, for whom, how, and how it is taken back. */
export interface Authority {
  readonly hierarchy: Hierarchy
  readonly issuance: Issuance
  readonly revocation: RevocationService
  /** Replaced by a reload; asked for each time. */
  profiles(): readonly Profile[]
  policy(): Policy
}
