import { resolve } from 'node:path'
import { type Name, parseName } from '../dns/name.ts'
import type { SocketAddress } from '../host/network.ts'
import { addressBytes, type Prefix, parsePrefix, parseSocketAddress } from './address.ts'
import { type Context, expected, type Kind, list, mapped, type Section } from './kinds.ts'
import { compilePattern, type NamePattern } from './pattern.ts'
import type { Source } from './source.ts'
import { nearest } from './spelling.ts'

/** Any text. */
export const text: Kind<string> = {
  json: { type: 'string' },
  label: 'text',
  decode: (source, context) => stringOf(source) ?? expected('text', source, context),
}

function stringOf(source: Source): string | undefined {
  return source.kind === 'scalar' && typeof source.value === 'string' ? source.value : undefined
}

/** true or false. */
export const flag: Kind<boolean> = {
  json: { type: 'boolean' },
  label: 'true or false',
  decode(source, context) {
    if (source.kind === 'scalar' && typeof source.value === 'boolean') return source.value
    return expected('true or false', source, context)
  },
}

/** A whole number in a range. */
export function integer(minimum: number, maximum: number): Kind<number> {
  return {
    json: { type: 'integer', minimum, maximum },
    label: `number from ${minimum} to ${maximum}`,
    decode(source, context) {
      const value = source.kind === 'scalar' ? source.value : undefined
      if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value
      return expected(`a whole number from ${minimum} to ${maximum}`, source, context)
    },
  }
}

/** One of a few words. */
export function choice<const W extends string>(...words: W[]): Kind<W> {
  const label = words.map(word => `\`${word}\``).join(', ')
  return {
    json: { enum: words },
    label,
    decode(source, context) {
      const value = stringOf(source)
      const word = words.find(one => one === value)
      if (word !== undefined) return word
      const meant = value && nearest(value, words)
      return expected(words.join(', ') + (meant ? ` (did you mean ${meant}?)` : ''), source, context)
    },
  }
}

/** A text that `read` understands; it gives undefined or throws where it does not. */
export function parsed<T>(
  label: string,
  read: (value: string, context: Context) => T | undefined,
  pattern?: string,
): Kind<T> {
  return {
    json: { type: 'string', ...(pattern ? { pattern } : {}) },
    label,
    decode(source, context) {
      const value = stringOf(source)
      if (value === undefined) return expected(label, source, context)
      try {
        return read(value, context) ?? expected(label, source, context)
      } catch (error) {
        context.report(source.at, (error as Error).message)
        return undefined
      }
    },
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST = 100 * 365 * UNITS['d']!

/** `30s`, `5m`, `12h`, `90d`; decoded to milliseconds. */
export const duration: Kind<number> = parsed('duration such as 30s, 5m, 12h or 90d', readDuration, '^[0-9]+[smhd]$')

/** The same, or `0s` for none at all. */
export const durationOrNone: Kind<number> = parsed(
  'duration such as 30s, 5m, 12h or 90d, or 0s for none',
  value => (value === '0s' ? 0 : readDuration(value)),
  '^[0-9]+[smhd]$',
)

/** Milliseconds of a duration as operators write it; undefined where it is none. */
export function readDuration(value: string): number | undefined {
  const match = /^(\d{1,10})([smhd])$/.exec(value)
  const ms = match ? Number(match[1]) * UNITS[match[2]!]! : 0
  return ms > 0 && ms <= LONGEST ? ms : undefined
}

/** Seconds as a number, or as a duration. */
export const seconds: Kind<number> = {
  json: { anyOf: [{ type: 'integer', minimum: 0, maximum: 0x7fffffff }, duration.json] },
  label: 'number of seconds, or duration',
  decode(source, context) {
    if (source.kind === 'scalar' && typeof source.value === 'string') {
      const ms = duration.decode(source, context)
      return ms === undefined ? undefined : ms / 1000
    }
    // RFC 2181 §8: a TTL has 31 bits.
    return integer(0, 0x7fffffff).decode(source, context)
  },
}

/** A domain name; absolute whether it ends in a dot or not. */
export const domainName: Kind<Name> = parsed('domain name', value => parseName(value))

/** A domain name in which `*` is one label and `**` any number. */
export const namePattern: Kind<NamePattern> = parsed('name pattern', compilePattern)

/** `IP`, `IP:port` or `[IP6]:port`. */
export function socketAddress(defaultPort?: number): Kind<SocketAddress> {
  const label = defaultPort === undefined ? 'address:port' : 'address, with or without a port'
  return parsed(label, value => parseSocketAddress(value, defaultPort))
}

/** A literal IP address. */
export const ipAddress: Kind<string> = parsed('IP address', value => (addressBytes(value) ? value : undefined))

/** Addresses, blocks and names of access lists, decoded to blocks. */
export const accessList: Kind<Prefix[]> = {
  ...mapped(list(parsed('address, block or access list', readAcl)), all => all.flat()),
  label: 'list of addresses, blocks and access lists',
}

function readAcl(value: string, context: Context): Prefix[] | undefined {
  const prefix = parsePrefix(value)
  if (prefix) return [prefix]
  const named = context.acl(value)
  if (named) return named
  if (/^[\d.:/a-f]*[.:/][\d.:/a-f]*$/i.test(value))
    throw new Error(`"${value}" is not an address or a block; a block has no bits set beyond its length`)
  throw unknownReference('access list', value, [...context.declared.acls, 'any', 'none', 'localhost'])
}

function unknownReference(what: string, value: string, known: readonly string[]): Error {
  const meant = nearest(value, known)
  const hint = meant ? `did you mean "${meant}"?` : `there ${known.length ? `are ${known.join(', ')}` : 'are none'}`
  return new Error(`no ${what} is named "${value}"; ${hint}`)
}

/** The name of an entry of another section, which must exist. */
export function reference(section: Section, what: string): Kind<string> {
  return parsed(`name of a ${what}`, (value, context) => {
    const known = context.declared[section]
    if (known.includes(value)) return value
    throw unknownReference(what, value, known)
  })
}

/** The name of a TSIG key, which must be among `keys`; ignores case and a final dot, as domain names do. */
export const keyReference: Kind<Name> = parsed('name of a key', (value, context) => {
  const plain = (name: string) => name.toLowerCase().replace(/\.$/, '')
  if (context.declared.keys.some(key => plain(key) === plain(value))) return parseName(value)
  throw unknownReference('key', value, context.declared.keys)
})

/** A file of the operator's, relative to the config file. */
export const file: Kind<string> = parsed('path', (value, context) =>
  value === '' ? undefined : resolve(context.directory, value),
)

/** A file or directory of the daemon's own, relative to `data_dir`. */
export const dataFile: Kind<string> = parsed('path below data_dir', (value, context) =>
  value === '' ? undefined : resolve(context.dataDir, value),
)

/** An absolute http or https URL without query and fragment; decoded without its final slash. */
export function url(...schemes: string[]): Kind<string> {
  const label = `${schemes.join(' or ')} URL`
  return parsed(label, value => readUrl(value, schemes), `^(${schemes.join('|')})://`)
}

function readUrl(value: string, schemes: readonly string[]): string | undefined {
  if (!URL.canParse(value)) return undefined
  const { protocol, search, hash, username } = new URL(value)
  if (!schemes.includes(protocol.slice(0, -1)) || search || hash || username) return undefined
  return value.replace(/\/+$/, '')
}

/** Something that is accepted as it stands: it belongs to a capability that is not here yet. */
export const reserved: Kind<true> = { json: {}, label: 'reserved', decode: () => true }

/** Two values of a kind, the least and the greatest. */
export function range(kind: Kind<number>, label: string): Kind<[number, number]> {
  const both = mapped(list(kind), ([least, most, ...more]): [number, number] => {
    if (least === undefined || most === undefined || more.length > 0 || least > most)
      throw new Error('expected [least, most]')
    return [least, most]
  })
  return { ...both, label }
}
