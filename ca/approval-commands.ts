import type { Clock } from '../host/clock.ts'
import { ConflictError } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import { timestamp } from './acme/states.ts'
import { CaCommandError, type CaCommands } from './command.ts'
import type { ApprovalStore } from './store/approvals.ts'
import type { ApprovalRow } from './store/schema.ts'

const DAY = 86_400_000
/** How long an approval holds unless said otherwise: its certificates are renewed meanwhile. */
const HOLDS = 365
const LISTED = 1000

/** `ca approve`: a person's word on names that ask for it. */
export function approvalCommands({ store, clock, log }: { store: ApprovalStore; clock: Clock; log: Log }): CaCommands {
  return {
    'ca.approvals': async args => (await store.approvals(args['all'] !== true, LISTED)).map(describe),

    'ca.approve': async args => {
      const id = String(args['id'] ?? '')
      const status = args['deny'] === true ? 'denied' : 'approved'
      const days = Number(args['days'] ?? HOLDS)
      if (!Number.isInteger(days) || days < 1) throw new CaCommandError(`"${args['days']}" is no number of days`)
      const at = clock.now()
      const until = status === 'approved' ? at + days * DAY : null
      try {
        const decided = describe(await store.decide(id, { status, at, until }))
        log.info({ ...decided }, 'approval decided')
        return decided
      } catch (error) {
        if (error instanceof ConflictError) throw new CaCommandError(`no request ${id} waits for approval`, 1)
        throw error
      }
    },
  }
}

function describe({ id, issuer, account, identifier, because, status, requested_at, until }: ApprovalRow) {
  return {
    id,
    issuer,
    account,
    name: identifier.slice(identifier.indexOf(':') + 1),
    because,
    status,
    requested_at: timestamp(requested_at),
    ...(until !== null && { until: timestamp(until) }),
  }
}
