import { addressBytes } from '../../config/address.ts'
import type { PrimaryServer } from '../../config/schema.ts'
import { Ede, Rcode, rcodeName } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { equalNames, type Name } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import type { Log } from '../../host/log.ts'
import type { TlsOptions } from '../../host/network.ts'
import type { World } from '../../host/world.ts'
import { ForwardError, forwardUpdate } from './forward.ts'
import type { Remote } from './remote.ts'

/** The primary that a NOTIFY is from: it came from its address, or is signed with its key (RFC 1996 §3.11). */
export function senderAmong(
  primaries: readonly PrimaryServer[],
  address: Uint8Array,
  key: Name | undefined,
): PrimaryServer | undefined {
  return primaries.find(
    one =>
      equalOctets(addressBytes(one.address.address)!, address) ||
      (key !== undefined && one.key !== undefined && equalNames(one.key, key)),
  )
}

/**
 * Hands an UPDATE to the first primary that can be reached (RFC 2136 §6), and gives its answer as it came. Throws SERVFAIL where none has
 * answered.
 */
export async function forwardToOne(
  primaries: readonly PrimaryServer[],
  wire: Uint8Array,
  deps: World & { findKey: (name: Name) => TsigKey | undefined; log: Log },
): Promise<{ server: PrimaryServer; answer: Uint8Array }> {
  for (const server of primaries) {
    const primary = printServer(server)
    try {
      const answer = await forwardUpdate(deps, remoteOf(server, deps.findKey), wire)
      deps.log.info({ primary, rcode: rcodeName(answer[3]! & 15) }, 'update forwarded')
      return { server, answer }
    } catch (error) {
      deps.log.warn({ primary, reason: (error as Error).message }, 'an update could not be forwarded')
      // One that may have it already must not be given another's place: the update would be done twice.
      if (!(error instanceof ForwardError) || error.sent) break
    }
  }
  throw new RcodeError(Rcode.SERVFAIL, 'no primary has answered the update', Ede.NETWORK_ERROR)
}

/** How a primary is asked. */
export function remoteOf(
  { address, key: name, tls, source }: PrimaryServer,
  findKey: (name: Name) => TsigKey | undefined,
): Remote {
  const key = name && findKey(name)
  return {
    address,
    ...(key && { key }),
    ...(tls && { tls: tlsOptions(tls) }),
    ...(source !== undefined && { source }),
  }
}

/** RFC 9103 §7.1, §7.2: TLS 1.3, with the protocol of DNS over TLS; RFC 8310 §5: the strict profile. */
function tlsOptions({ hostname, roots }: NonNullable<PrimaryServer['tls']>): TlsOptions {
  return {
    alpn: ['dot'],
    minVersion: 'TLSv1.3',
    ...(hostname !== undefined && { servername: hostname }),
    ...(roots !== undefined && { ca: [roots] }),
  }
}

/** A primary's address and port. */
export function printServer({ address: { address, port }, tls }: PrimaryServer): string {
  return `${tls ? 'tls://' : ''}${address.includes(':') ? `[${address}]` : address}:${port}`
}
