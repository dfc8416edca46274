import type { ChallengeType } from '../../config/schema.ts'
import type { Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import type { Subject } from '../subjects.ts'

/** Looks a name up where challenges are to be seen: own zones in the CA's view first, then the resolver. The answer holds its CNAME chain. */
export type Lookup = (name: Name, type: number) => Promise<{ rcode: number; answer: ResourceRecord[] }>

/** What one try at a challenge is about. */
export interface Attempt {
  subject: Subject
  token: string
  /** token "." thumbprint of the account key (RFC 8555 §8.1). */
  keyAuthorization: string
}

/** The ways out that a challenge may take. */
export interface ChallengeNetwork {
  lookup: Lookup
}

/** One way of proving control (RFC 8555 §8). */
export interface Challenge {
  readonly type: ChallengeType
  readonly appliesTo: (subject: Subject) => boolean
  /** Resolves where control is proved; else rejects with AcmeError, and may be tried again. */
  readonly validate: (attempt: Attempt, network: ChallengeNetwork) => Promise<void>
}
