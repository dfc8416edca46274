import type { Random } from '../../host/random.ts'
import type { Nonces } from './nonces.ts'

/** Bad habits that a client must live with, for trying clients out: what RFC 8555 leaves open is done differently each time. */
export interface Habits {
  /** One in so many good nonces is refused; 0 for none. */
  refuseNonceEvery: number
  /** Whether lists come in any order (RFC 8555 promises none). */
  shuffled: boolean
}

/** Nonces some of which are refused though they are good; never two in a row, for many clients try again only once. */
export function forgetful(nonces: Nonces, { refuseNonceEvery: every }: Habits): Nonces {
  let redeemed = 0
  return { ...nonces, redeem: nonce => nonces.redeem(nonce) && (every === 0 || ++redeemed % every !== 0) }
}

/** The list in any order. */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list]
  return list.map(() => rest.splice(random.below(rest.length), 1)[0]!)
}
