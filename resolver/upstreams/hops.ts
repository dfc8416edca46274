/** Octets by which a daemon is known in the option HOPS. */
const IDENTITY = 8
/** More daemons in a row than this are taken for a loop. */
const MOST_HOPS = 16

/** Whether a question with these hops has been sent on by the daemon `id` before, or by so many that it must be going round. */
export function isLoop(hops: Uint8Array, id: Uint8Array): boolean {
  if (hops.length >= MOST_HOPS * IDENTITY) return true
  for (let at = 0; at + IDENTITY <= hops.length; at += IDENTITY)
    if (id.every((octet, i) => hops[at + i] === octet)) return true
  return false
}

/** The hops with the daemon `id` in front. */
export function addHop(hops: Uint8Array | undefined, id: Uint8Array): Uint8Array {
  const longer = new Uint8Array(id.length + (hops?.length ?? 0))
  longer.set(id)
  if (hops) longer.set(hops, id.length)
  return longer
}
