import { addressBytes, containsAddress, type Prefix, parsePrefix, printAddress } from '../config/address.ts'
import { Rcode, rcodeName } from '../dns/codes.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Connection, ConnectOptions, Network } from '../host/network.ts'
import type { ChallengeNetwork, Lookup } from './challenges/challenge.ts'
import { AcmeError } from './problems.ts'

/**
 * Where no challenge may lead us: ourselves, this link, many at once, and where clouds keep their secrets. A host that answers a
 * challenge has an address that others reach it by.
 */
const REFUSED: readonly Prefix[] = [
  '0.0.0.0/8', // RFC 1122 §3.2.1.3: this host
  '127.0.0.0/8', // RFC 1122 §3.2.1.3: loopback
  '169.254.0.0/16', // RFC 3927: this link
  '192.0.0.0/24', // RFC 6890 §2.2.2: protocols of the network itself, and instance metadata of a cloud
  '100.100.100.200/32', // instance metadata of a cloud
  '224.0.0.0/4', // RFC 5771: multicast
  '240.0.0.0/4', // RFC 1112 §4: reserved, and broadcast
  '::/96', // RFC 4291 §2.5.2, §2.5.3, §2.5.5.1: no address, loopback, and IPv4 addresses in an old form
  '64:ff9b::/96', // RFC 6052: an IPv4 address that would pass unseen
  '64:ff9b:1::/48', // RFC 8215: likewise
  '2001::/32', // RFC 4380: likewise
  '2002::/16', // RFC 3056: likewise
  'fe80::/10', // RFC 4291 §2.5.6: this link
  'ff00::/8', // RFC 4291 §2.7: multicast
  'fd00:ec2::/32', // instance metadata of a cloud
].map(text => parsePrefix(text)!)

/** Addresses of one host that are tried, and how long each may take to connect. */
const MAX_ADDRESSES = 4
const LONGEST_CONNECT = 3000
/** How long a host may take over its answer; as long as a try lasts, after which nobody waits for it. */
const LONGEST_USE = 10_000

/**
 * Connects challenges to hosts. Names are looked up by us, each time anew, and what is connected to is the address that was checked:
 * an answer that changes between check and use changes nothing.
 */
export function createOutbound(deps: {
  network: Pick<Network, 'connect'>
  lookup: Lookup
  clock: Clock
  /** Addresses that may be connected to though they would be refused. */
  allowed: readonly Prefix[]
}): ChallengeNetwork['connect'] {
  const { network, lookup, clock, allowed } = deps
  const isRefused = (address: Uint8Array) => containsAddress(REFUSED, address) && !containsAddress(allowed, address)

  const dial = (address: string, port: number, options: ConnectOptions): Promise<Connection> => {
    const abort = new AbortController()
    const timer = clock.after(LONGEST_CONNECT, () => abort.abort())
    return network
      .connect({ address, port }, { ...options, signal: abort.signal })
      .then(leashed)
      .finally(() => timer.cancel())
  }
  /** A host that says nothing, or a little at a time, must not hold a socket for ever. */
  const leashed = (connection: Connection): Connection => {
    const timer = clock.after(LONGEST_USE, () => connection.close())
    const close = () => {
      timer.cancel()
      connection.close()
    }
    return { ...connection, close }
  }

  return async (host, port, options = {}) => {
    const literal = addressBytes(host.replace(/^\[(.*)\]$/, '$1'))
    const addresses = literal ? [literal] : await addressesOf(lookup, host)
    const reachable = addresses.filter(address => !isRefused(address))
    if (reachable.length === 0)
      throw new AcmeError(
        'connection',
        `${host} has only addresses that are not connected to: ${addresses.map(printAddress).join(', ')}`,
      )
    let failure: unknown
    for (const address of reachable.slice(0, MAX_ADDRESSES)) {
      try {
        return await dial(printAddress(address), port, options)
      } catch (error) {
        failure = error
      }
    }
    throw failed(host, port, options, failure)
  }
}

/** IPv6 before IPv4, as RFC 6724 would have it. */
async function addressesOf(lookup: Lookup, host: string): Promise<Uint8Array[]> {
  const name = parseName(host)
  const answers = await Promise.all([lookup(name, Type.AAAA), lookup(name, Type.A)])
  const addresses = answers.flatMap(({ answer }) =>
    answer.filter(({ type }) => type === Type.AAAA || type === Type.A).map(({ rdata }) => unmapped(rdata)),
  )
  if (addresses.length > 0) return addresses
  const failure = answers.find(({ rcode }) => rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN)
  const why = failure ? `its look-up failed with ${rcodeName(failure.rcode)}` : 'it has no address'
  throw new AcmeError('dns', `${host} can't be reached: ${why}`)
}

/** An IPv4 address in IPv6's clothes (RFC 4291 §2.5.5.2) counts as what it is. */
function unmapped(rdata: Uint8Array): Uint8Array {
  return addressBytes(printAddress(rdata)) ?? rdata
}

function failed(host: string, port: number, options: ConnectOptions, cause: unknown): AcmeError {
  const { code = 'no answer in time' } = (cause ?? {}) as { code?: string }
  const isTls = options.tls !== undefined && !/^E(CONN|HOST|NET|TIMED)/.test(code) && code !== 'no answer in time'
  return new AcmeError(isTls ? 'tls' : 'connection', `${host} port ${port}: ${code}`, { cause })
}
