import type { Random } from '../../host/random.ts'
import type { Server } from './server.ts'

/** In which order a rule asks its upstreams: as they are listed, the fastest first, or by chance according to their weights. */
export type Selection = 'order' | 'latency' | 'weighted'

/** Servers as near to the fastest as this, in milliseconds, count as equal: the order of the list decides. */
const NEAR = 5

/** The servers in the order in which they are to be asked. */
export function arrange(servers: readonly Server[], selection: Selection, random: Random): readonly Server[] {
  if (servers.length < 2 || selection === 'order') return servers
  return selection === 'latency' ? byLatency(servers) : byWeight(servers, random)
}

/** One that was never asked comes first: nothing else says how fast it is. */
function byLatency(servers: readonly Server[]): readonly Server[] {
  const rank = ({ roundTrip }: Server) => (roundTrip === undefined ? -1 : Math.floor(roundTrip / NEAR))
  return servers.toSorted((a, b) => rank(a) - rank(b))
}

function byWeight(servers: readonly Server[], random: Random): Server[] {
  const left = [...servers]
  const arranged: Server[] = []
  while (left.length > 0) {
    const total = left.reduce((sum, server) => sum + weightOf(server), 0)
    let ticket = random.below(total)
    const at = left.findIndex(server => (ticket -= weightOf(server)) < 0)
    arranged.push(...left.splice(at, 1))
  }
  return arranged
}

function weightOf({ at }: Server): number {
  return at.weight ?? 1
}
