import { createHash } from 'node:crypto'
import type { VaultConfig } from '../../config/vault-schema.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { denied } from './error.ts'

/** Who holds a token, and what for. Times are milliseconds since 1970. */
export interface Holder {
  /** For the log and the record: "approle web", "kubernetes cert-manager/cert-manager". */
  who: string
  /** Names of roles and intermediates. */
  roles: readonly string[]
  /** Absent for tokens of the configuration, which hold as long as they stand there. */
  expires?: number
  /** How long a login lasts, in milliseconds. */
  ttl?: number
}

/** The tokens that hold now. Logins are in memory: after a restart clients log in again, as they do when one has ended. */
export interface VaultTokens {
  /** A new token; told once. */
  issue(holder: Required<Pick<Holder, 'who' | 'roles' | 'ttl'>>): { token: string; holder: Holder }
  /** Who holds it. Throws 403 where nobody does. */
  find(token: unknown): Holder
  /** Its time begins anew. */
  renew(holder: Holder): void
}

/** Logins that are remembered; the oldest is forgotten first. */
const MOST = 20_000
const OCTETS = 32

export function createVaultTokens(config: () => VaultConfig, clock: Clock, random: Random): VaultTokens {
  /** By digest: looking one up takes no longer for a token that is nearly right. */
  const issued = new Map<string, Holder>()
  const standing = (digest: string): Holder | undefined => {
    const index = config().auth.tokens.findIndex(({ token }) => digestOf(token) === digest)
    return index < 0 ? undefined : { who: `token ${index + 1}`, roles: config().auth.tokens[index]!.roles }
  }
  return {
    issue({ who, roles, ttl }) {
      const token = `hvs.${Buffer.from(random.bytes(OCTETS)).toString('base64url')}`
      const holder = { who, roles, ttl, expires: clock.now() + ttl }
      issued.set(digestOf(token), holder)
      if (issued.size > MOST) issued.delete(issued.keys().next().value!)
      return { token, holder }
    },
    find(token) {
      if (typeof token !== 'string' || token === '') throw denied()
      const digest = digestOf(token)
      const holder = issued.get(digest) ?? standing(digest)
      if (!holder) throw denied()
      if (holder.expires === undefined || clock.now() < holder.expires) return holder
      issued.delete(digest)
      throw denied()
    },
    renew(holder) {
      if (holder.ttl !== undefined) holder.expires = clock.now() + holder.ttl
    },
  }
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
