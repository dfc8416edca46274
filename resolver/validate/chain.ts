import { Ede } from '../../dns/codes.ts'
import { ancestorName, equalNames, isSubdomain, labelCount, lowerName, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, typeName } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { ExtendedError } from '../cache/failures.ts'
import type { AnchorTable, KeyPointer } from './anchors.ts'
import { dnskeySet, trustKeys, usablePointers } from './delegation.ts'
import { denialIn, isDenial } from './denial.ts'
import { type SignedSet, signedSets } from './rrsets.ts'
import { type Fault, fault } from './security.ts'
import { signersOf, type VerifiedSet, verifySet } from './signatures.ts'
import { createStandings, isStanding, MOST_KEPT, type NoCut, type SecureZone, type Standing } from './standings.ts'
import type { Work } from './work.ts'

export type { Standing } from './standings.ts'

/** What asking for DS or DNSKEY brought, not validated; TTLs counted down. */
export type Fetched =
  | { kind: 'answer'; answer: readonly ResourceRecord[]; authority: readonly ResourceRecord[] }
  | { kind: 'failed'; error: ExtendedError }

/** Asks for DS or DNSKEY on behalf of one question, which pays for it. */
export interface Inquiry {
  fetch(name: Name, type: number): Promise<Fetched>
  work: Work
  /** The first answer was not believed: nothing learned from it is, nor is anything but keys that were proved. */
  secondTry: boolean
}

/** Follows delegations from trust anchors downwards (RFC 4035 §5), and remembers what it has found. */
export interface Chain {
  /** The standing of `zone`, which a signature names as its signer. */
  signer(zone: Name, inquiry: Inquiry): Promise<Standing>
  /** The standing of the zone that `name` is in: of data that nobody has signed. */
  enclosing(name: Name, inquiry: Inquiry): Promise<Standing>
  forget(): void
}

/** Seconds: what is bogus may be mended at any time. */
const BOGUS_KEPT = 5

/** `privateApex` is a zone whose servers are configured, so that it is one whether or not the zones above it know of it. */
export function createChain(anchors: AnchorTable, clock: Clock, privateApex?: Name): Chain {
  const { remember, recall, once, forget } = createStandings(clock, privateApex)

  /** Where the way to `name` begins. */
  async function start(name: Name, inquiry: Inquiry): Promise<Standing> {
    const footing = anchors.footing(name, clock.now())
    if (footing.kind === 'exempt') return exempt(footing)
    if (footing.kind === 'none') return open('indeterminate', footing.reason)
    const { zone, anchors: pointers, seconds = MOST_KEPT } = footing
    return (await once(zone, inquiry, () => keysOf(zone, pointers, seconds, inquiry))) as Standing
  }

  /** Takes over a zone's keys by what points at them; `seconds` is how long that stands. */
  async function keysOf(
    zone: Name,
    pointers: readonly KeyPointer[],
    seconds: number,
    inquiry: Inquiry,
  ): Promise<Standing> {
    const { usable, ede } = usablePointers(pointers)
    if (usable.length === 0) {
      const standing = open('insecure', `${printName(zone)} is signed in ways that are not known here`, ede)
      remember(zone, standing, seconds)
      return standing
    }
    const fetched = await ask(zone, Type.DNSKEY, inquiry)
    if (fetched.kind === 'failed') return unavailable(zone, Type.DNSKEY, fetched.error)
    const set = dnskeySet(signedSets(fetched.answer), zone)
    if (!set) return bogus(zone, fault(Ede.DNSKEY_MISSING, `${printName(zone)} has no DNSKEY records`))
    if (set.signatures.length === 0) return bogus(zone, stripped(zone))
    const trusted = trustKeys(zone, set, usable, seconds1970(), inquiry.work)
    if ('status' in trusted) return bogus(zone, trusted)
    const standing: SecureZone = { kind: 'secure', zone: lowerName(zone), keys: trusted.keys }
    remember(zone, standing, Math.min(seconds, trusted.verified.ttl))
    return standing
  }

  async function signer(zone: Name, inquiry: Inquiry): Promise<Standing> {
    let above = await start(zone, inquiry)
    while (above.kind === 'secure' && !equalNames(above.zone, zone)) {
      const recalled = recall(zone, inquiry)
      if (recalled && isStanding(recalled)) return recalled
      const next = await nextTowards(zone, above, inquiry)
      const cut = await cutAt(next, above, inquiry)
      if (isStanding(cut)) above = cut
      else if (equalNames(next, zone)) return notAZone(zone)
      else {
        const found = await descend(zone, above, inquiry)
        return found.kind === 'secure' && !equalNames(found.zone, zone) ? notAZone(zone) : found
      }
    }
    return above
  }

  /** The zone cut to look at next: whoever signed what is said about the DS of `zone` is the zone above it. */
  async function nextTowards(zone: Name, above: SecureZone, inquiry: Inquiry): Promise<Name> {
    let next = zone
    for (;;) {
      const fetched = await ask(next, Type.DS, inquiry)
      const parent = fetched.kind === 'answer' ? claimedSigner(next, fetched) : undefined
      if (!parent || !isSubdomain(parent, above.zone)) return childTowards(zone, above.zone)
      if (equalNames(parent, above.zone)) return next
      next = parent
    }
  }

  /** Label by label: where nobody signs, this alone finds the cut at which signing ends. */
  async function descend(name: Name, from: SecureZone, inquiry: Inquiry): Promise<Standing> {
    let above = from
    let at = from.zone
    while (!equalNames(at, name)) {
      at = childTowards(name, at)
      const cut = await cutAt(at, above, inquiry)
      if (cut.kind === 'absent') return above
      if (cut.kind === 'inside') continue
      if (cut.kind !== 'secure') return cut
      above = cut
    }
    return above
  }

  async function enclosing(name: Name, inquiry: Inquiry): Promise<Standing> {
    const from = await start(name, inquiry)
    return from.kind === 'secure' ? descend(name, from, inquiry) : from
  }

  function cutAt(name: Name, above: SecureZone, inquiry: Inquiry): Promise<Standing | NoCut> {
    const footing = anchors.footing(name, clock.now())
    if (footing.kind === 'exempt') return Promise.resolve(exempt(footing))
    return once(name, inquiry, () => findCut(name, above, inquiry))
  }

  /** RFC 4035 §5.2: what the zone above says of a delegation. */
  async function findCut(name: Name, above: SecureZone, inquiry: Inquiry): Promise<Standing | NoCut> {
    const fetched = await ask(name, Type.DS, inquiry)
    if (fetched.kind === 'failed') return unavailable(name, Type.DS, fetched.error)
    const sets = signedSets(fetched.answer).filter(({ owner }) => equalNames(owner, name))
    const ds = sets.find(({ type }) => type === Type.DS)
    const alias = sets.find(({ type }) => type === Type.CNAME)
    if (ds ?? alias) {
      const verified = verifySet((ds ?? alias)!, above.zone, above.keys, seconds1970(), inquiry.work)
      if (verified.status === 'bogus') return bogus(name, verified)
      // An alias is no zone cut (RFC 2181 §10.1).
      if (!ds) return noCut(name, 'inside', above.zone, verified.ttl)
      if (verified.wildcardAt)
        return bogus(name, fault(Ede.DNSSEC_BOGUS, `the DS of ${printName(name)} is a wildcard's`))
      const pointers: KeyPointer[] = ds.rdatas.map(rdata => ({ type: Type.DS, rdata }))
      return keysOf(name, pointers, verified.ttl, inquiry)
    }
    return findDenial(name, above, signedSets(fetched.authority), inquiry)
  }

  async function findDenial(
    name: Name,
    above: SecureZone,
    sets: readonly SignedSet[],
    inquiry: Inquiry,
  ): Promise<Standing | NoCut> {
    const denials = sets.filter(({ type }) => isDenial(type))
    if (denials.length === 0) return bogus(name, missing(name, above.zone))
    const verified: VerifiedSet[] = []
    let wrong: Fault | undefined
    for (const set of denials) {
      const one = verifySet(set, above.zone, above.keys, seconds1970(), inquiry.work)
      if (one.status === 'verified') verified.push(one)
      else wrong ??= one
    }
    if (verified.length === 0) return bogus(name, wrong!)
    const denial = denialIn(verified, above.zone, inquiry.work)
    if ('status' in denial) return bogus(name, denial)
    const seconds = Math.min(...verified.map(({ ttl }) => ttl))
    const said = denial.delegation(name)
    if (said === 'unproved') return bogus(name, wrong ?? missing(name, above.zone))
    if (said === 'inside' || said === 'absent') return noCut(name, said, above.zone, seconds)
    const standing = unsigned(name, above.zone, said)
    remember(name, standing, seconds)
    return standing
  }

  /** What a zone proves not to be delegated can have no DS: where it is configured nonetheless, signing ends there. */
  function noCut(name: Name, kind: NoCut['kind'], parent: Name, seconds: number): NoCut | Standing {
    const isPrivate =
      privateApex && (kind === 'absent' ? isSubdomain(privateApex, name) : equalNames(privateApex, name))
    const found = isPrivate ? undelegated(privateApex, parent) : { kind }
    remember(name, found, seconds)
    return found
  }

  function bogus(name: Name, found: Fault): Standing {
    const standing: Standing = { kind: 'bogus', fault: found }
    remember(name, standing, BOGUS_KEPT)
    return standing
  }

  function ask(name: Name, type: number, { fetch, work }: Inquiry): Promise<Fetched> {
    work.fetching()
    return fetch(lowerName(name), type)
  }

  const seconds1970 = () => Math.floor(clock.now() / 1000)

  return { signer, enclosing, forget }
}

function open(status: 'insecure' | 'indeterminate', reason: string, ede?: number): Standing {
  const told = ede === undefined ? {} : { ede: { code: ede, text: reason } }
  return { kind: 'open', security: { status, reason, ...told } }
}

/** Not remembered: it ends by itself. */
function exempt({ reason, until }: { reason: string; until: number }): Standing {
  return { kind: 'open', security: { status: 'insecure', reason }, until }
}

function unsigned(name: Name, parent: Name, said: 'proved' | 'opt-out' | 'too-many-iterations'): Standing {
  if (said === 'too-many-iterations')
    return open(
      'insecure',
      `the NSEC3 records of ${printName(parent)} ask for too many iterations`,
      Ede.UNSUPPORTED_NSEC3_ITERATIONS,
    )
  return open('insecure', `${printName(parent)} proves that ${printName(name)} is not signed`)
}

function undelegated(zone: Name, parent: Name): Standing {
  return open('insecure', `${printName(parent)} proves that it has no delegation of ${printName(zone)}`)
}

/** Not remembered: the next question may have better luck. */
function unavailable(name: Name, type: number, error: ExtendedError): Standing {
  const reason = `${typeName(type)} of ${printName(name)} could not be had: ${error.text}`
  return { kind: 'bogus', fault: { ...fault(error.code, reason), unfinished: true } }
}

function stripped(zone: Name): Fault {
  return fault(Ede.RRSIGS_MISSING, `the DNSKEY records of ${printName(zone)} came without signatures`)
}

function missing(name: Name, zone: Name): Fault {
  return fault(Ede.NSEC_MISSING, `nothing of ${printName(zone)} proves that ${printName(name)} has no DS`)
}

function notAZone(zone: Name): Standing {
  return { kind: 'bogus', fault: fault(Ede.DNSSEC_BOGUS, `${printName(zone)} signs, but is no zone`) }
}

/** Who claims to have signed the DS of a name, or the denial of it: a zone above the name. Not proved. */
function claimedSigner(name: Name, { answer, authority }: Fetched & { kind: 'answer' }): Name | undefined {
  const said = [
    ...signedSets(answer).filter(({ owner, type }) => type === Type.DS && equalNames(owner, name)),
    ...signedSets(authority).filter(({ type }) => isDenial(type) || type === Type.SOA),
  ]
  const isAbove = (signer: Name) => isSubdomain(name, signer) && !equalNames(name, signer)
  return said.flatMap(signersOf).find(isAbove)
}

/** The ancestor of `name`, or itself, one label below `zone`. */
function childTowards(name: Name, zone: Name): Name {
  return ancestorName(name, labelCount(name) - labelCount(zone) - 1)
}
