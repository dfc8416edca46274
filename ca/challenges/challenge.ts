import type { ChallengeType } from '../../config/schema.ts'
import type { Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import type { Connection, ConnectOptions } from '../../host/network.ts'
import type { Subject } from '../permission/subjects.ts'

/** Looks a name up where challenges are to be seen: own zones in the CA's view first, then the resolver. The answer holds its CNAME chain. */
export type Lookup = (name: Name, type: number) => Promise<{ rcode: number; answer: ResourceRecord[] }>

/** What one try at a challenge is about. */
export interface Attempt {
  subject: Subject
  token: string
  /** token "." thumbprint of the account key (RFC 8555 §8.1). */
  keyAuthorization: string
  accountUrl: string
  /** SHA-256 thumbprints (RFC 7638) of the account's key and of those it had before, the newest first. */
  thumbprints: readonly string[]
}

/** The ways out that a challenge may take, and what it must know of us. */
export interface ChallengeNetwork {
  lookup: Lookup
  /** Connects to a host, a name or a literal address, by our own look-up and never where it is not allowed. Rejects with AcmeError. */
  connect(host: string, port: number, options?: ConnectOptions): Promise<Connection>
  /** Where http-01 and tls-alpn-01 connect to. */
  ports: Readonly<Record<'http-01' | 'tls-alpn-01', number>>
  /** The issuer domain names that mean us (RFC 8659 §4.2). */
  identities: readonly string[]
  /** What the URIs begin with by which records name accounts without telling them (draft-ietf-acme-dns-persist-02 §4.1). */
  accountHashPrefix: string
  /** Milliseconds since 1970. */
  now(): number
}

/** What met a challenge: kept in the record. */
export interface Proof {
  /** The records that proved control, where records did. */
  records?: readonly ResourceRecord[]
  /** The address that answered, where a host did. */
  address?: string
  /** The moment after which it proves nothing, where it has an end. */
  until?: number
}

/** One way of proving control (RFC 8555 §8). */
export interface Challenge {
  readonly type: ChallengeType
  readonly appliesTo: (subject: Subject) => boolean
  /** Whether a try connects to a host of the client's, which may let us wait. */
  readonly connects?: true
  /** Members of the challenge object beside type, url and status; left out: the token. */
  readonly members?: (account: { accountUrl: string; identities: readonly string[] }) => object
  /** Resolves where control is proved; else rejects with AcmeError, and may be tried again. */
  readonly validate: (attempt: Attempt, network: ChallengeNetwork) => Promise<Proof>
}
