import { getServers } from 'node:dns'
import { parseSocketAddress, printSocketAddress } from '../config/address.ts'

/** The resolvers that this machine uses now. */
export function systemResolvers(): string[] {
  return getServers()
    .map(server => parseSocketAddress(server, 53))
    .filter(server => server !== undefined)
    .filter(server => !server.address.includes('%'))
    .map(printSocketAddress)
}
