import { hash, timingSafeEqual } from 'node:crypto'
import type { ApiToken } from '../../cli/replies.ts'
import { containsAddress, type Prefix, parsePrefix, printPrefix } from '../../config/address.ts'
import { ROLES } from '../../config/dashboard-schema.ts'
import { compilePattern, matchesPattern, type NamePattern } from '../../config/pattern.ts'
import { TextError } from '../../dns/errors.ts'
import { ancestorName, labelCount, type Name } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Random } from '../../host/random.ts'
import { CommandError } from '../control/control.ts'
import type { TokenRow, TokenStore } from './token-store.ts'

/** What a token lets its holder do; each includes those before it. */
export type Role = (typeof ROLES)[number]

/** A token without its secret, or what stands for one of a person who has logged in. Times are milliseconds since 1970. */
export interface Token {
  readonly id: string
  /** Whether it is one, or somebody who logged in or has shown a certificate without: they do not share names. */
  readonly kind: 'token' | 'person' | 'certificate'
  readonly name: string
  /** The apexes of the zones that it is for. */
  readonly zones: readonly NamePattern[]
  readonly roles: readonly Role[]
  /** The views that it is for; undefined is all. */
  readonly views: readonly string[] | undefined
  /** The addresses that it may be used from; undefined is anywhere. */
  readonly from: readonly Prefix[] | undefined
  readonly created: number
  readonly expires: number | undefined
}

/** What a new token is to be; texts as the operator wrote them. */
export interface NewToken {
  name?: string | undefined
  zones: readonly string[]
  roles: readonly string[]
  views?: readonly string[] | undefined
  from?: readonly string[] | undefined
  /** Milliseconds that it holds for; left out: until it is revoked. */
  validity?: number | undefined
}

/** The API tokens. Read once; all that follows is in memory and on disk. */
export interface Tokens {
  /** The token and its text, which nobody can show again. CommandError where something of it can't be. */
  create(wanted: NewToken): Promise<{ token: Token; text: string }>
  list(): readonly Token[]
  /** By name or id. */
  revoke(which: string): Promise<Token>
  /** The token of this text, if it holds now. Takes as long for one that is nearly right as for any other. */
  find(text: string): Token | undefined
  /** The token of this id, if it holds now: for whoever has shown its text before. */
  holding(id: string): Token | undefined
}

const ID_OCTETS = 6
const SECRET_OCTETS = 32
const SHAPE = /^nst_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/
const MOST_TOKENS = 10_000

/** Opens what is stored. */
export async function openTokens(store: TokenStore, clock: Clock, random: Random): Promise<Tokens> {
  const known = new Map((await store.all()).map(row => [row.id, { token: tokenOf(row), digest: row.digest }]))
  const holds = ({ expires }: Token) => expires === undefined || clock.now() < expires

  return {
    async create(wanted) {
      if (known.size >= MOST_TOKENS) throw new CommandError(`there are ${MOST_TOKENS} tokens already: revoke some`)
      const id = Buffer.from(random.bytes(ID_OCTETS)).toString('hex')
      const secret = Buffer.from(random.bytes(SECRET_OCTETS)).toString('base64url')
      const row = rowOf(wanted, id, clock.now(), digestOf(secret))
      const token = tokenOf(row)
      await store.add(row).catch(error => {
        throw error instanceof ConflictError ? new CommandError(`there is a token ${row.name} already`, 2) : error
      })
      known.set(id, { token, digest: row.digest })
      return { token, text: `nst_${id}_${secret}` }
    },
    list: () => [...known.values()].map(({ token }) => token),
    async revoke(which) {
      const found = [...known.values()].find(({ token }) => token.name === which || token.id === which)
      if (!found) throw new CommandError(`there is no token ${which}`)
      // From this moment on, whatever the disk says.
      known.delete(found.token.id)
      await store.remove(found.token.id)
      return found.token
    },
    find(text) {
      const [, id, secret] = SHAPE.exec(text) ?? []
      const found = id === undefined ? undefined : known.get(id)
      const right = timingSafeEqual(digestOf(secret ?? ''), found?.digest ?? NOTHING)
      return found && right && holds(found.token) ? found.token : undefined
    },
    holding(id) {
      const token = known.get(id)?.token
      return token && holds(token) ? token : undefined
    },
  }
}

const NOTHING = new Uint8Array(32)

/** The secret has 256 random bits: there is nothing that a slow digest would protect. */
function digestOf(secret: string): Uint8Array {
  return hash('sha256', secret, 'buffer')
}

/** Its holder, as refusals begin with. */
export function holderOf({ kind, name }: Token): string {
  return kind === 'person' ? name : `the ${kind} ${name}`
}

/** Whether the token's role includes this one. */
export function hasRole({ roles }: Token, role: Role): boolean {
  return roles.some(one => ROLES.indexOf(one) >= ROLES.indexOf(role))
}

/** Whether the token is for zones of this apex. */
export function coversZone({ zones }: Token, origin: Name): boolean {
  return zones.some(pattern => matchesPattern(pattern, origin, undefined, { wildcards: true }))
}

/** Whether the name is, or would be, in a zone that the token is for. */
export function coversName(token: Token, name: Name): boolean {
  for (let up = 0; up <= labelCount(name); up++) if (coversZone(token, ancestorName(name, up))) return true
  return false
}

/** Whether the token is for all zones of all views, and so for what is of no zone. */
export function isForAll({ zones, views }: Token): boolean {
  return !views && zones.some(({ text }) => text === '**')
}

export function coversView({ views }: Token, view: string): boolean {
  return views?.includes(view) ?? true
}

/** Whether the token may be used from there. */
export function allowsAddress({ from }: Token, address: Uint8Array | undefined): boolean {
  return !from || (address !== undefined && containsAddress(from, address))
}

/** For operators and programs, without anything that could be used. */
export function describeToken(token: Token): ApiToken {
  const time = (at: number) => new Date(at).toISOString()
  return {
    id: token.id,
    name: token.name,
    zones: token.zones.map(({ text }) => text),
    roles: [...token.roles],
    ...(token.views && { views: [...token.views] }),
    ...(token.from && { from: token.from.map(printPrefix) }),
    created_at: time(token.created),
    ...(token.expires !== undefined && { expires_at: time(token.expires) }),
  }
}

function rowOf(wanted: NewToken, id: string, now: number, digest: Uint8Array): TokenRow {
  const name = wanted.name ?? id
  if (!/^[\w.@-]{1,64}$/.test(name))
    throw new CommandError(`"${name}" is not a name for a token: letters, digits and . _ @ -, at most 64`, 2)
  if (wanted.zones.length === 0) throw new CommandError('name the zones that the token is for', 2)
  for (const zone of wanted.zones) checkPattern(zone)
  const roles = wanted.roles.length > 0 ? wanted.roles : ['read', 'write']
  const odd = roles.find(role => !(ROLES as readonly string[]).includes(role))
  if (odd !== undefined) throw new CommandError(`"${odd}" is not a role: ${ROLES.join(', ')}`, 2)
  for (const prefix of wanted.from ?? [])
    if (!parsePrefix(prefix)) throw new CommandError(`"${prefix}" is not an address or block of addresses`, 2)
  return {
    ...{ id, name, digest, zones: JSON.stringify(wanted.zones), roles: JSON.stringify(roles) },
    views: wanted.views ? JSON.stringify(wanted.views) : null,
    sources: wanted.from ? JSON.stringify(wanted.from) : null,
    created_at: now,
    expires_at: wanted.validity === undefined ? null : now + wanted.validity,
  }
}

function checkPattern(text: string): void {
  try {
    compilePattern(text)
  } catch (error) {
    if (!(error instanceof TextError)) throw error
    throw new CommandError(`"${text}" is not a name pattern: ${error.message}`, 2)
  }
}

function tokenOf(row: TokenRow): Token {
  const list = (text: string) => JSON.parse(text) as string[]
  return {
    id: row.id,
    kind: 'token',
    name: row.name,
    zones: list(row.zones).map(compilePattern),
    roles: list(row.roles) as Role[],
    views: row.views === null ? undefined : list(row.views),
    from: row.sources === null ? undefined : list(row.sources).map(text => parsePrefix(text)!),
    created: row.created_at,
    expires: row.expires_at ?? undefined,
  }
}
