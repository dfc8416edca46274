import { networkOf } from '../../config/address.ts'
import type { CaConfig } from '../../config/ca-schema.ts'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import { overloaded } from '../problems.ts'

/** What one client may ask for in an hour; in memory, so a restart forgives. */
export interface Limits {
  /** Throws 503 with Retry-After where the address has made too many accounts. */
  newAccount(address: string): void
  /** Throws where the account orders too much. */
  newOrder(account: string): void
  /** Throws where too many of the account's validations have failed. */
  validation(account: string): void
  failed(account: string): void
}

/** Seconds. */
const HOUR = 3600
/** Clients that are remembered; the one that was heard of longest ago is forgotten first. */
const REMEMBERED = 20_000

export function createLimits(limits: () => CaConfig['limits'], clock: Clock): Limits {
  const accounts = hourly(() => limits().accounts, clock)
  const orders = hourly(() => limits().orders, clock)
  const failures = hourly(() => limits().failures, clock)
  return {
    newAccount: address => accounts.take(networkOf(address), 'new accounts from this address'),
    newOrder: account => orders.take(account, 'new orders of this account'),
    validation: account => failures.look(account, 'failed validations of this account'),
    failed: account => failures.spend(account),
  }
}

/** So many in an hour, any number for 0; all at once if need be. */
function hourly(limit: () => number, clock: Clock) {
  const allowance = new Allowance(clock, () => ({ burst: limit(), rate: limit() / HOUR, most: REMEMBERED }))
  const look = (who: string, what: string) => {
    const wait = limit() === 0 ? 0 : allowance.wait(who)
    if (wait > 0) throw overloaded(`too many ${what}`, Math.ceil(wait))
  }
  const spend = (who: string) => {
    if (limit() > 0) allowance.spend(who)
  }
  return {
    look,
    spend,
    take(who: string, what: string) {
      look(who, what)
      spend(who)
    },
  }
}
