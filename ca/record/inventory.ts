import type { Clock } from '../../host/clock.ts'
import { timestamp } from '../acme/states.ts'
import type { InventoryStore } from '../store/inventory.ts'

const DAY = 86_400_000

/** Days before the end at which the inventory counts. */
export const WITHIN_DAYS = [30, 14, 7, 3, 0] as const

/** A certificate that ends soon. */
export interface Ending {
  serial: string
  names: string[]
  profile: string
  not_after: string
  /** Days that are left, in whole. */
  days: number
  account?: string
  /** Serial of its successor, where there is one. */
  replaced_by?: string
  /** Why the last try to renew it failed. */
  failure?: { at: string; type: string; detail: string }
}

/** What ends when, and whether anybody has seen to it. */
export interface Inventory {
  /** What ends within so many days, soonest first. */
  list(days: number, limit: number): Promise<Ending[]>
  /** How many certificates without a successor end within each of WITHIN_DAYS. */
  counts(): Promise<ReadonlyMap<number, number>>
}

export function createInventory(store: InventoryStore, clock: Clock): Inventory {
  /** Zero days are what ends today. */
  const end = (days: number) => clock.now() + Math.max(days, 1) * DAY
  return {
    async list(days, limit) {
      const rows = await store.ending(clock.now(), end(days), limit)
      return rows.map(({ serial, identifiers, profile, not_after, account, replaced_by, failure, failed_at }) => ({
        serial,
        names: (JSON.parse(identifiers) as { value: string }[]).map(({ value }) => value),
        profile,
        not_after: timestamp(not_after),
        days: Math.floor((not_after - clock.now()) / DAY),
        ...(account !== null && { account }),
        ...(replaced_by !== null && { replaced_by }),
        ...(failure !== null && failed_at !== null && { failure: failureOf(failure, failed_at) }),
      }))
    },
    async counts() {
      const counted = WITHIN_DAYS.map(async days => [days, await store.countEnding(clock.now(), end(days))] as const)
      return new Map(await Promise.all(counted))
    },
  }
}

function failureOf(problem: string, at: number): NonNullable<Ending['failure']> {
  const { type, detail } = JSON.parse(problem) as { type: string; detail: string }
  return { at: timestamp(at), type, detail }
}
