import type { Name } from '../dns/name.ts'
import { addressBytes } from './address.ts'
import { byShape, type Decoded, type Kind, mapped, optional, record, required } from './kinds.ts'
import { pem } from './secret.ts'
import { parseUpstream, type Upstream } from './upstream.ts'
import { accessList, flag, ipAddress, keyReference, parsed, socketAddress } from './values.ts'

export const transferRule = record(
  {
    key: optional(keyReference, 'the TSIG key that must have signed the request'),
    from: optional(accessList, 'the addresses it must come from'),
    tls: optional(flag, 'whether it must come over TLS (RFC 9103)'),
    ixfr: optional(
      flag,
      'whether differences are given (RFC 1995); false: always the whole zone, to who takes them wrong',
    ),
  },
  rule => (rule.key || rule.from ? undefined : 'give key, from, or both; { from: [any] } is everybody'),
)
/** Who may have the whole zone; all that the rule names must hold. */
export type TransferRule = Decoded<typeof transferRule>

const source = optional(
  ipAddress,
  'the address of ours from which it is asked; left out: the one that the system chooses',
)

const keyedServer = record(
  {
    address: required(socketAddress(53), 'its address, and its port unless that is 53'),
    key: optional(keyReference, 'the TSIG key to sign with'),
    source,
  },
  ({ address, source: from }) => complaintOfSource(address.address, from),
)
/** A server that is told of changes, or asked for them. */
export type RemoteServer = Decoded<typeof keyedServer>

export const remoteServer: Kind<RemoteServer> = byShape({
  scalar: mapped(socketAddress(53), address => ({ address })),
  map: keyedServer,
  label: 'address, or map of address and key',
})

const primaryAddress = parsed('address: IP, IP:port or tls://IP#NAME', text => {
  const upstream = parseUpstream(text)
  return upstream?.transport === 'https' ? undefined : upstream
})

/** Both must be of one family. */
function complaintOfSource(address: string, from: string | undefined): string | undefined {
  if (from === undefined || addressBytes(from)!.length === addressBytes(address)!.length) return undefined
  return `${address} can not be asked from ${from}: one is IPv4, the other IPv6`
}

/** A server that a secondary zone is transferred from. */
export interface PrimaryServer extends RemoteServer {
  /** False: differences (RFC 1995) are not asked for, always the whole zone. */
  ixfr?: false
  /** It is asked over TLS alone (RFC 9103): the name that its certificate must carry, and the roots that are trusted, in PEM. */
  tls?: { hostname?: string; roots?: string }
}

export const primaryServer: Kind<PrimaryServer> = byShape({
  scalar: mapped(primaryAddress, address => primaryOf({ address })),
  map: mapped(
    record(
      {
        address: required(primaryAddress, 'its address; with tls:// it is asked over TLS, port 853 (RFC 9103)'),
        key: optional(keyReference, 'the TSIG key to sign with'),
        roots: optional(pem, 'the roots that its TLS certificate may come from, in PEM; left out: those of the system'),
        ixfr: optional(
          flag,
          'whether differences are asked for (RFC 1995); false: always the whole zone, of who gives them wrong',
        ),
        source,
      },
      ({ address, roots, source: from }) =>
        roots !== undefined && address.transport !== 'tls'
          ? 'roots are for an address with tls://'
          : complaintOfSource(address.address, from),
    ),
    primaryOf,
  ),
  label: 'address, or map of address, key and roots',
})

interface WrittenPrimary {
  address: Upstream
  key?: Name
  roots?: string
  ixfr?: boolean
  source?: string
}

function primaryOf(written: WrittenPrimary): PrimaryServer {
  const { transport, address, port, hostname } = written.address
  const { key, roots, ixfr, source: from } = written
  const tls = { ...(hostname !== undefined && { hostname }), ...(roots !== undefined && { roots }) }
  return {
    address: { address, port },
    ...(key && { key }),
    ...(transport === 'tls' && { tls }),
    ...(ixfr === false && { ixfr }),
    ...(from !== undefined && { source: from }),
  }
}
