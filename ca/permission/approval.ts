import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { type Identifier, identifierText } from '../identifier.ts'
import type { ApprovalStore } from '../store/approvals.ts'
import type { ApprovalRow } from '../store/schema.ts'

/** What asking a person needs. */
export interface ApprovalDeps {
  issuer: string
  store: Pick<ApprovalStore, 'approval' | 'askApproval'>
  clock: Clock
  random: Random
}

/** Why a name can't be had yet, or, where a person has denied it, at all. */
export interface Unapproved {
  waiting: boolean
  reason: string
}

/** Why a name that asks for a person's approval can't be had by this account; asks for it where nobody has. Undefined where it is approved. */
export async function unapproved(
  { issuer, store, clock, random }: ApprovalDeps,
  account: string,
  identifier: Identifier,
  because: string,
): Promise<Unapproved | undefined> {
  const text = identifierText(identifier)
  const known = await store.approval(account, text)
  if (known?.status === 'approved' && clock.now() < known.until!) return undefined
  if (known?.status === 'denied')
    return { waiting: false, reason: `a person must approve this name, and denied it (request ${known.id})` }
  const asked: ApprovalRow = {
    id: Buffer.from(random.bytes(4)).toString('hex'),
    issuer,
    account,
    identifier: text,
    because,
    status: 'waiting',
    requested_at: clock.now(),
    decided_at: null,
    until: null,
  }
  if (known?.status !== 'waiting') await store.askApproval(asked)
  const { id } = known?.status === 'waiting' ? known : ((await store.approval(account, text)) ?? asked)
  return { waiting: true, reason: `a person must approve this name, for ${because}: request ${id} waits for it` }
}
