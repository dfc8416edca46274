import { equalNames, isWildcard, type Name } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { Type, typeName } from '../../dns/types.ts'

/** Something that is wrong with the RRsets of one owner by themselves. An update that would bring it is refused, a warning too. */
export interface Fault {
  severity: 'error' | 'warning'
  type: number
  /** To be read after the owner's name. */
  message: string
}

/** What is wrong with the RRsets of one owner, whoever brings them: a file, an update, a primary. */
export function* faultsAt(owner: Name, rrsets: readonly RRset[], origin: Name): Generator<Fault> {
  yield* faultsOfAliases(rrsets)
  yield* equalNames(owner, origin) ? faultsOfApex(rrsets) : faultsBelowApex(rrsets)
  if (isWildcard(owner)) yield* faultsOfWildcard(rrsets)
  for (const rrset of rrsets)
    if (octetsOf(rrset) > MAX_RRSET_OCTETS)
      yield error(rrset.type, `has more ${typeName(rrset.type)} records than fit into a message`)
}

const has = (rrsets: readonly RRset[], type: number) => rrsets.some(rrset => rrset.type === type)
const error = (type: number, message: string): Fault => ({ severity: 'error', type, message })
const warning = (type: number, message: string): Fault => ({ severity: 'warning', type, message })

function* faultsOfAliases(rrsets: readonly RRset[]): Generator<Fault> {
  // RFC 1034 §3.6.2, RFC 2181 §10.1; RFC 4035 §2.5 for what may stand beside a CNAME.
  const other = rrsets.find(({ type }) => type !== Type.CNAME && type !== Type.RRSIG && type !== Type.NSEC)
  if (other && has(rrsets, Type.CNAME)) {
    const what = `has a CNAME and a record of type ${typeName(other.type)}`
    yield error(Type.CNAME, `${what}; beside a CNAME nothing else can be`)
  }
  for (const { type, rdatas } of rrsets)
    if ((type === Type.CNAME || type === Type.DNAME) && rdatas.length > 1)
      yield error(type, `has several ${typeName(type)} records; one is possible`)
}

function* faultsOfApex(rrsets: readonly RRset[]): Generator<Fault> {
  // RFC 4035 §2.4.
  if (has(rrsets, Type.DS)) yield warning(Type.DS, 'is the apex; its DS belongs into the parent zone')
}

function* faultsBelowApex(rrsets: readonly RRset[]): Generator<Fault> {
  // RFC 6672 §2.3: below the name both would redirect; only at the apex NS is no delegation.
  if (has(rrsets, Type.DNAME) && has(rrsets, Type.NS))
    yield error(Type.DNAME, 'has DNAME and NS; it can not be both a DNAME and a delegation')
}

function* faultsOfWildcard(rrsets: readonly RRset[]): Generator<Fault> {
  // RFC 4592 §4.2: the meaning of a wildcard NS is not defined.
  if (has(rrsets, Type.NS)) yield error(Type.NS, 'is a wildcard, which can not be a delegation')
  // RFC 6672 §3.3: what a wildcard DNAME stands for is not defined either, and updates of it may be refused.
  if (has(rrsets, Type.DNAME)) yield warning(Type.DNAME, 'is a wildcard DNAME, which servers understand differently')
}

/** Octets that the records of one RRset may take: with a header, a question, OPT and TSIG they must fit into a message of 65,535. */
const MAX_RRSET_OCTETS = 64_000

/** Octets that the RRset takes in a message. */
function octetsOf({ rdatas }: RRset): number {
  // A compressed owner, type, class, TTL and length take 12 octets.
  return rdatas.reduce((sum, rdata) => sum + 12 + rdata.length, 0)
}
