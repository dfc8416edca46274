import { addressBytes, printSocketAddress } from './address.ts'
import type { Say } from './findings.ts'
import type { Config, ListenConfig } from './schema.ts'

type Listener = keyof ListenConfig

/** Two listeners on one address and port, and what a listener needs that is not there. */
export function checkListeners(config: Config, refuse: Say, doubt: Say): void {
  checkOverlaps(config.listen, refuse)
  for (const listener of ['dot', 'https'] as const) {
    if (config.listen[listener].length > 0 && !config.ca && !config.tls)
      refuse(['listen', listener], `${listener} needs a certificate: give ca, or tls with certificate and key`)
  }
  if (Object.values(config.listen).every(addresses => addresses.length === 0))
    doubt(['listen'], 'there is nothing to listen on')
  if (config.listen.dns.concat(config.listen.dot).length > 0 && config.views.length === 0)
    doubt(['listen'], 'there are no views: every query is refused')
}

function checkOverlaps(listen: ListenConfig, refuse: Say): void {
  const all = (Object.keys(listen) as Listener[]).flatMap(listener =>
    listen[listener].map((address, i) => ({ listener, i, ...address, bytes: addressBytes(address.address)! })),
  )
  for (const [i, one] of all.entries()) {
    const other = all.slice(0, i).find(before => overlaps(before, one))
    if (other)
      refuse(
        ['listen', one.listener, one.i],
        `${printSocketAddress(one)} overlaps ${printSocketAddress(other)} of ${other.listener}`,
      )
  }
}

/** A wildcard covers every address of its family. Port 0 is a port of its own each time. */
function overlaps(a: { port: number; bytes: Uint8Array }, b: { port: number; bytes: Uint8Array }): boolean {
  if (a.port !== b.port || a.port === 0 || a.bytes.length !== b.bytes.length) return false
  return isUnspecified(a.bytes) || isUnspecified(b.bytes) || a.bytes.every((octet, i) => octet === b.bytes[i])
}

function isUnspecified(bytes: Uint8Array): boolean {
  return bytes.every(octet => octet === 0)
}
