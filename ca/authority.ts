import type { Hierarchy } from './hierarchy/hierarchy.ts'
import type { Issuance } from './issue/issue.ts'
import type { Profile } from './issue/profiles.ts'
import type { Policy } from './permission/policy.ts'
import type { RevocationService } from './revocation/revoke.ts'

/** What stands behind one directory: who signs, for whom, how, and how it is taken back. */
export interface Authority {
  readonly hierarchy: Hierarchy
  readonly issuance: Issuance
  readonly revocation: RevocationService
  /** Replaced by a reload; asked for each time. */
  profiles(): readonly Profile[]
  policy(): Policy
}
