import { isIPv6 } from 'node:net'
import { addressBytes } from '../config/address.ts'
import type { CaConfig } from '../config/ca-schema.ts'
import type { Clock } from '../host/clock.ts'
import { overloaded } from './problems.ts'

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

const HOUR = 3_600_000
/** Clients that are remembered; the one that was heard of longest ago is forgotten first. */
const REMEMBERED = 20_000

export function createLimits(limits: () => CaConfig['limits'], clock: Clock): Limits {
  const accounts = createBuckets(() => limits().accounts, clock)
  const orders = createBuckets(() => limits().orders, clock)
  const failures = createBuckets(() => limits().failures, clock)
  return {
    newAccount: address => accounts.take(networkOf(address), 'new accounts from this address'),
    newOrder: account => orders.take(account, 'new orders of this account'),
    validation: account => failures.look(account, 'failed validations of this account'),
    failed: account => failures.fill(account),
  }
}

/** Leaky buckets: each holds an hour's worth, and empties evenly. */
function createBuckets(hourly: () => number, clock: Clock) {
  /** Level at a time on the monotonic clock; least recently used first. */
  const buckets = new Map<string, { level: number; at: number }>()
  const levelOf = (key: string): number => {
    const known = buckets.get(key)
    return known ? Math.max(0, known.level - ((clock.monotonic() - known.at) / HOUR) * hourly()) : 0
  }
  const look = (key: string, what: string) => {
    const most = hourly()
    const level = levelOf(key)
    if (most === 0 || level + 1 <= most) return
    throw overloaded(`too many ${what}`, Math.ceil((((level + 1 - most) / most) * HOUR) / 1000))
  }
  const fill = (key: string) => {
    const level = levelOf(key) + 1
    buckets.delete(key)
    buckets.set(key, { level, at: clock.monotonic() })
    if (buckets.size > REMEMBERED) buckets.delete(buckets.keys().next().value!)
  }
  return {
    look,
    fill,
    take(key: string, what: string) {
      look(key, what)
      fill(key)
    },
  }
}

/** An IPv6 client has a whole /64 of addresses to come from. */
function networkOf(address: string): string {
  const octets = isIPv6(address) ? addressBytes(address) : undefined
  return octets?.length === 16 ? Buffer.from(octets.subarray(0, 8)).toString('hex') : address
}
