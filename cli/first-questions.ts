import { networkInterfaces } from 'node:os'
import { addressBytes, parseSocketAddress, printSocketAddress } from '../config/address.ts'
import { labelCount, parseName, printName } from '../dns/name.ts'
import type { Question } from './answers.ts'
import { systemResolvers } from './resolvers.ts'

/** The domain that is served, without its final dot, in lower case. */
export const DOMAIN: Question<string> = {
  option: '--domain',
  text: 'Domain (for example internal.example.com)',
  read: readDomain,
}

/** The machine's address as clients reach it. */
export const ADDRESS = (): Question<string> => ({
  option: '--address',
  text: 'Address of this machine as clients reach it',
  otherwise: ownAddress(),
  read(text) {
    if (!addressBytes(text)) throw new Error(`"${text}" is not an IP address`)
    return text
  },
})

/** Whom names are forwarded to that are not ours. */
export const FORWARD_TO = (): Question<string[]> => ({
  option: '--forward-to',
  text: 'Resolvers for all other names, with commas between them, or "none"',
  otherwise: systemResolvers().join(', ') || 'none',
  read: readResolvers,
})

/** Whether to listen where clients look by themselves; that needs root. */
export const PORTS: Question<'standard' | 'high'> = {
  option: '--high-ports',
  text: 'Listen on the standard ports (53, 853, 443, 80), which needs root to start, yes or no',
  otherwise: 'yes',
  read(text) {
    if (/^y(es)?$/i.test(text)) return 'standard'
    if (/^no?$/i.test(text)) return 'high'
    throw new Error(`"${text}" is neither yes nor no`)
  },
}

function readDomain(text: string): string {
  const name = parseName(text)
  const domain = printName(name).slice(0, -1).toLowerCase()
  if (labelCount(name) > 0 && /^[a-z0-9_.-]+$/.test(domain)) return domain
  throw new Error(`"${text}" is not a domain of letters, digits and hyphens`)
}

function readResolvers(text: string): string[] {
  if (text === 'none') return []
  return text.split(',').map(part => {
    const address = parseSocketAddress(part.trim(), 53)
    if (!address) throw new Error(`"${part.trim()}" is not an IP address, or one with a port`)
    return printSocketAddress(address)
  })
}

/** The first address of this machine that others may reach. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  return all.find(one => one.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1'
}
