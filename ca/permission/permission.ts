import { type Name, parseName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { Challenge } from '../challenges/challenge.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import { type Identifier, parseIdentifier } from '../identifier.ts'
import type { Profile } from '../issue/profiles.ts'
import { AcmeError, type RequestedIdentifier } from '../problems.ts'
import type { AccountRow } from '../store/schema.ts'
import type { CaStore } from '../store/store.ts'
import { unapproved } from './approval.ts'
import { judge, type Policy } from './policy.ts'
import { refuseEach, subjectsOf } from './subjects.ts'

/** Who asks, and what of it is proved. */
export interface Asker {
  /** Left out where the certificate that is to be renewed was issued to none: no challenge need prove what it names. */
  account?: AccountRow | undefined
  /** Left out for a pre-authorization. */
  profile?: Profile
  /** The keys that made the records which proved control, by `identifierText`; absent while nothing is proved. */
  proofs?: ReadonlyMap<string, Name>
}

/** Whether an account may have certificates for what it names: policy, name constraints, profile, challenges, approval. */
export interface Permission {
  /** Whether some rule asks which keys made the records that proved control. */
  needsProofs(): boolean
  /** Rejects with `rejectedIdentifier`, a subproblem for each identifier that is refused; what is refused is in the record. */
  check(asker: Asker, requested: readonly RequestedIdentifier[]): Promise<void>
}

export interface PermissionDeps {
  issuer: string
  store: Pick<CaStore, 'binding' | 'approval' | 'askApproval' | 'append'>
  hierarchy: Pick<Hierarchy, 'permits'>
  /** As the config has it now. */
  policy(): Policy
  challenges: readonly Challenge[]
  clock: Clock
  random: Random
}

export function createPermission(deps: PermissionDeps): Permission {
  const { store, hierarchy, challenges, clock } = deps

  /** Why not, in words for the asker; undefined where it may be. */
  const whyNot = async (asker: Asker, keys: readonly Name[], identifier: Identifier): Promise<string | undefined> => {
    const { account, profile, proofs } = asker
    const request = { identifiers: [identifier], profile: profile?.name, account: account?.id, keys, proofs }
    const verdict = judge(deps.policy(), identifier, request)
    if (verdict.kind === 'refused') return verdict.reason
    const outside = outOfReach(hierarchy, identifier, profile)
    if (outside) return outside
    const [subject] = subjectsOf([identifier])
    if (account && !challenges.some(challenge => challenge.appliesTo(subject!)))
      return 'no challenge can prove this name'
    if (verdict.kind === 'allowed') return undefined
    if (!account) return `a person must approve this name, for ${verdict.because}, and nobody is known who asks`
    return (await unapproved(deps, account.id, identifier, verdict.because))?.reason
  }

  return {
    needsProofs: () => deps.policy().rules.some(({ writers }) => writers),
    async check(asker, requested) {
      const { account, profile } = asker
      const keys = await keysOf(store, account)
      const reasons = new Map<RequestedIdentifier, string | undefined>()
      for (const each of requested) reasons.set(each, await whyNot(asker, keys, parseIdentifier(each.type, each.value)))
      try {
        refuseEach('rejectedIdentifier', requested, each => reasons.get(each))
      } catch (error) {
        const refused = requested.filter(each => reasons.get(each) !== undefined)
        const names = refused.map(each => ({ ...each, because: reasons.get(each) }))
        const asked = { ...(account && { account: account.id }), ...(profile && { profile: profile.name }) }
        await store.append({ kind: 'refused', at: clock.now(), issuer: deps.issuer, ...asked, names })
        throw error
      }
    },
  }
}

/** Why no rule can help: our intermediate may not certify the name, or the profile holds no such names. */
export function outOfReach(
  hierarchy: Pick<Hierarchy, 'permits'>,
  identifier: Identifier,
  profile: Profile | undefined,
): string | undefined {
  if (!hierarchy.permits(identifier)) return 'the name constraints of our intermediate do not cover this name'
  return profile && !profile.san.includes(identifier.type)
    ? `the profile "${profile.name}" holds no such names`
    : undefined
}

/** Names of the external keys that the account is bound to. One whose binding key was revoked may order nothing. */
async function keysOf(store: Pick<CaStore, 'binding'>, account: AccountRow | undefined): Promise<Name[]> {
  if (!account || account.binding === null) return []
  const binding = await store.binding(account.binding)
  if (!binding || binding.revoked_at !== null)
    throw new AcmeError('unauthorized', 'the key that binds this account to an external one was revoked')
  return [parseName(binding.name)]
}
