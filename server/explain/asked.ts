import { addressBytes, printAddress } from '../../config/address.ts'
import { equalNames, printName } from '../../dns/name.ts'
import type { RequestFacts } from '../../zones/views.ts'
import { CommandError, nameArgument } from '../control/control.ts'
import type { ServingView } from '../requests/state.ts'

/** Who asks, as far as the choice of the view goes: `{ from?, key? }`. Throws CommandError. */
export function factsOf(args: Record<string, unknown>): RequestFacts {
  const from = String(args['from'] ?? '127.0.0.1')
  const client = addressBytes(from)
  if (!client) throw new CommandError(`"${from}" is not an IP address`, 2)
  return { client, ...(args['key'] !== undefined && { key: nameArgument(args['key']) }) }
}

const HTTPS = 443

/** The port at which the name's hosts are looked at over TLS: `{ port? }`. Throws CommandError. */
export function portOf(args: Record<string, unknown>): number {
  const port = Number(args['port'] ?? HTTPS)
  if (Number.isInteger(port) && port > 0 && port < 65536) return port
  throw new CommandError(`"${args['port']}" is not a port`, 2)
}

/** "client 192.0.2.1 with key xfr." */
export function describeClient({ client, key }: RequestFacts): string {
  return `client ${printAddress(client)}${key ? ` with key ${printName(key)}` : ''}`
}

/** Why a client gets this view. */
export function whyThisView({ match }: ServingView, facts: RequestFacts): string {
  const { key } = facts
  if (key && match.keys.some(listed => equalNames(listed, key))) return `it lists the key ${printName(key)}`
  return `the first that matches ${describeClient(facts)}`
}
