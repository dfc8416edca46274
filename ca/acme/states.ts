import type { StoredAuthorization, StoredOrder } from '../store/orders.ts'
import type { OrderStatus } from '../store/schema.ts'

/** The order's status now: one that ended open is invalid, though the store learns of it later (RFC 8555 §7.1.6). */
export function orderStatus(order: StoredOrder, now: number): OrderStatus {
  const open = order.status === 'pending' || order.status === 'ready'
  return open && order.expires_at <= now ? 'invalid' : order.status
}

/** The authorization's status now: pending ends as invalid, valid as expired (RFC 8555 §7.1.6). */
export function authorizationStatus({ status, expires_at }: StoredAuthorization, now: number): string {
  if (expires_at > now) return status
  if (status === 'pending') return 'invalid'
  return status === 'valid' ? 'expired' : status
}

/** A time as ACME has it (RFC 3339, whole seconds). */
export function timestamp(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')
}
