import { rcodeName } from '../dns/codes.ts'
import { type Name, parseName, printName } from '../dns/name.ts'
import { printRdata, Type } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import { timestamp } from './acme/states.ts'
import type { Lookup } from './challenges/challenge.ts'
import { type Identifier, IdentifierError, parseIdentifier, wildcardOver } from './identifier.ts'
import type { CaaChecker } from './permission/caa.ts'
import { coveringRules, describeHolder, type Policy } from './permission/policy.ts'
import { type Problem, problemOf } from './problems.ts'
import type { CertificateRecord } from './store/certificate-store.ts'
import type { CaStore } from './store/store.ts'

/** What the CA knows of one name, for a human who wonders. Times are RFC 3339. */
export interface NameAffairs {
  /** Those that are for the name, by itself or by a wildcard, newest first. */
  certificates: {
    serial: string
    names: string[]
    profile: string
    not_before: string
    not_after: string
    status: string
  }[]
  /** The last orders, newest first; `problem` in plain words where one failed. */
  orders: OrderSummary[]
  /** Orders that were not even taken. */
  refusals: { at: string; account?: string; because: string }[]
  /** The issue rules that cover the name, and for whom they are. */
  rules: string[]
  /** What CAA says of us: "allows us", or why not. */
  caa: string
  /** What a dns-01 challenge would find now. */
  challenge: { name: string; rcode: string; records: string[] }
}

/** An order; `problem` in plain words where it failed, or a challenge of it did. */
export interface OrderSummary {
  id: string
  account: string
  names: string[]
  status: string
  created: string
  problem?: string
}

/** Tells of a name; undefined where there is nothing to tell: nobody has asked for it, and no rule covers it. */
export type Affairs = (name: Name) => Promise<NameAffairs | undefined>

export interface AffairsDeps {
  store: CaStore
  lookup: Lookup
  caa: CaaChecker
  policy(): Policy
  clock: Clock
  log: Log
}

const LISTED = 5
/** Certificates that are looked through for those of the name. */
const LOOKED_THROUGH = 200

export function createAffairs(deps: AffairsDeps): Affairs {
  const { store, lookup, caa, policy, clock, log } = deps

  const challengeOf = async (value: string) => {
    const name = parseName(`_acme-challenge.${value}`)
    const { rcode, answer } = await lookup(name, Type.TXT)
    const records = answer.filter(({ type }) => type === Type.TXT).map(({ rdata }) => printRdata(Type.TXT, rdata))
    return { name: printName(name), rcode: rcodeName(rcode), records }
  }
  const caaOf = (identifier: Identifier) =>
    caa.check({ subject: { identifier, wildcard: false }, accountUrl: '', method: 'dns-01' }, log).then(
      () => 'allows us',
      error => problemOf(error).detail ?? 'forbids us',
    )

  return async name => {
    const identifier = identifierOf(name)
    if (!identifier) return undefined
    const { value } = identifier
    const [certificates, orders, refused] = await Promise.all([
      certificatesFor(store, value),
      store.ordersNaming(value, LISTED),
      store.refusalsNaming(value, LISTED),
    ])
    const rules = coveringRules(policy(), identifier)
    // A name that nobody has asked for, nor may: no look-up is sent out for it.
    if ([certificates, orders, refused, rules].every(found => found.length === 0)) return undefined
    const [caaSays, challenge] = await Promise.all([caaOf(identifier), challengeOf(value)])
    return {
      certificates: certificates.slice(0, LISTED).map(record => summary(record, clock.now())),
      orders: await Promise.all(orders.map(order => orderSummary(store, order))),
      refusals: refused.map(entry => refusalSummary(entry, value)),
      rules: rules.map(({ rule, number }) => `rule ${number}: ${describeHolder(rule)}`),
      caa: caaSays,
      challenge,
    }
  }
}

function identifierOf(name: Name): Identifier | undefined {
  try {
    return parseIdentifier('dns', printName(name).replace(/\.$/, ''))
  } catch (error) {
    if (error instanceof IdentifierError) return undefined
    throw error
  }
}

async function certificatesFor(store: CaStore, value: string): Promise<CertificateRecord[]> {
  const wildcard = wildcardOver(value)
  const [own, wild] = await Promise.all(
    [value, wildcard.slice(1)].map(part => store.certificates({ name: part, limit: LOOKED_THROUGH })),
  )
  const fitting = [...own!, ...wild!].filter(({ identifiers }) =>
    identifiers.some(identifier => identifier.value === value || identifier.value === wildcard),
  )
  const each = new Map(fitting.map(record => [record.serial, record]))
  return [...each.values()].sort((a, b) => b.issuedAt - a.issuedAt)
}

function summary(record: CertificateRecord, now: number): NameAffairs['certificates'][number] {
  const { serial, identifiers, profile, notBefore, notAfter, revocation } = record
  return {
    serial,
    names: identifiers.map(({ value }) => value),
    profile,
    not_before: timestamp(notBefore),
    not_after: timestamp(notAfter),
    status: revocation ? 'revoked' : notAfter < now ? 'expired' : 'valid',
  }
}

type Order = Awaited<ReturnType<CaStore['ordersNaming']>>[number]

/** An order for a human who wonders what became of it. */
export async function orderSummary(store: Pick<CaStore, 'authorization'>, order: Order): Promise<OrderSummary> {
  const problem = order.error === null ? await openProblem(store, order) : (JSON.parse(order.error) as Problem)
  return {
    id: order.id,
    account: order.account,
    names: (JSON.parse(order.identifiers) as { value: string }[]).map(({ value }) => value),
    status: order.status,
    created: timestamp(order.created_at),
    ...(problem && { problem: describeProblem(problem) }),
  }
}

/** Of an order that still waits, the problem of a challenge that is tried again. */
async function openProblem(
  store: Pick<CaStore, 'authorization'>,
  { authorizations }: Order,
): Promise<Problem | undefined> {
  for (const id of JSON.parse(authorizations) as string[]) {
    const challenges = (await store.authorization(id))?.challenges ?? []
    const failed = challenges.find(({ error }) => error !== null)
    if (failed) return JSON.parse(failed.error!) as Problem
  }
  return undefined
}

function describeProblem({ type, detail, subproblems = [] }: Problem): string {
  const parts = subproblems.map(({ identifier, detail }) => `${identifier?.value ?? ''}: ${detail ?? ''}`)
  return [`${type.replace(/^urn:ietf:params:acme:error:/, '')}: ${detail ?? ''}`, ...parts].join('; ')
}

function refusalSummary(entry: { at: number | string; [member: string]: unknown }, value: string) {
  const names = (entry['names'] ?? []) as { value: string; because: string }[]
  const because = names.find(name => name.value.toLowerCase() === value)?.because ?? 'refused'
  const account = entry['account']
  return { at: String(entry.at), ...(typeof account === 'string' && { account }), because }
}
