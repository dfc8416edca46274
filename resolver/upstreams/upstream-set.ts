import type { Clock } from '../../host/clock.ts'
import type { Server, ServerAddress } from './server.ts'

/** An upstream as a rule names it: by its address, or by a name that is to be resolved first. */
export type UpstreamAddress = ServerAddress | (Omit<ServerAddress, 'address'> & { name: string })

/** The addresses of a name and the seconds that they hold; none where it can't be resolved now. */
export type LookUp = (name: string) => Promise<{ addresses: readonly string[]; seconds: number }>

/** The servers of a rule. */
export interface UpstreamSet {
  /** As far as their addresses are known. */
  known(): readonly Server[]
  /** All of them, once names are resolved that have no address yet: at once where there is nothing to wait for. */
  ready(): readonly Server[] | Promise<readonly Server[]>
  /** Their names that have to be looked up. */
  readonly names: readonly string[]
}

/** A name is looked up again after so many seconds at least, and where that failed. */
const SHORTEST = 30

/** The servers of `upstreams`; those with a name have the addresses that `lookUp` last found, which is asked again once they have expired. */
export function createUpstreamSet(
  upstreams: readonly UpstreamAddress[],
  server: (at: ServerAddress) => Server,
  lookUp: LookUp,
  clock: Clock,
): UpstreamSet {
  const names = upstreams.flatMap(at => ('name' in at ? at.name : []))
  if (names.length === 0) {
    const servers = upstreams.flatMap(at => ('name' in at ? [] : server(at)))
    return { names, known: () => servers, ready: () => servers }
  }
  const members = upstreams.map(at => ('name' in at ? createNamed(at, server, lookUp, clock) : fixed(server(at))))
  const known = () => members.flatMap(member => member.servers())
  return {
    names,
    known,
    async ready() {
      await Promise.all(members.map(member => member.refresh()))
      return known()
    },
  }
}

interface Member {
  servers(): readonly Server[]
  /** Resolves once there are addresses, or none can be had; expired ones are renewed meanwhile. */
  refresh(): Promise<void> | undefined
}

function fixed(server: Server): Member {
  const servers = [server]
  return { servers: () => servers, refresh: () => undefined }
}

function createNamed(
  { name, ...at }: Extract<UpstreamAddress, { name: string }>,
  server: (at: ServerAddress) => Server,
  lookUp: LookUp,
  clock: Clock,
): Member {
  let servers: readonly Server[] = []
  let until = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined
  const renew = async (): Promise<void> => {
    const { addresses, seconds } = await lookUp(name)
    // Addresses that are known serve on where no others can be had.
    if (addresses.length > 0) servers = addresses.map(address => server({ ...at, address }))
    until = clock.monotonic() + Math.max(SHORTEST, seconds) * 1000
    running = undefined
  }
  return {
    servers: () => servers,
    refresh() {
      if (clock.monotonic() >= until) running ??= renew()
      return servers.length > 0 ? undefined : running
    },
  }
}
