import { NSEC3_SHA1, type Nsec3Parameters, nsec3Hash } from '../dns/nsec3.ts'
import { type ResponseWriter, Section } from '../dns/response.ts'
import { printBase32Hex } from '../dns/text.ts'
import { Type } from '../dns/types.ts'
import { writeStored } from './additional.ts'
import { SearchKey } from './image/key.ts'
import type { Outcome } from './lookup.ts'
import { NameRef } from './nameref.ts'
import type { ZoneVersion } from './zone.ts'

/** Proofs that one response may need: three for each alias that a wildcard stands for, and for its end. */
const MOST = 52

/** One NSEC or NSEC3 of a zone version. */
interface Proof {
  version: ZoneVersion
  entry: number
  type: number
}

/**
 * Proves that something is not there, by the NSEC or NSEC3 records of a signed zone (RFC 4035 §3.1.3, RFC 5155 §7.2). Proofs are
 * collected while a query follows aliases, each once, and written when the answer section is complete. One object serves a thread.
 */
export class Denial {
  private readonly proofs: (Proof | undefined)[] = new Array(MOST).fill(undefined)
  private count = 0
  private readonly owner = new NameRef()
  private readonly ownerOctets = new Uint8Array(256)
  private readonly wildcardKey = new SearchKey()
  private readonly hashKey = new Uint8Array(256)

  /** To be called before each query. */
  clear(): void {
    while (this.count > 0) this.proofs[--this.count] = undefined
  }

  /** Collects what proves the outcome of looking `target` up, where something of it is an absence and the zone is signed. */
  prove(version: ZoneVersion, outcome: Outcome, target: NameRef): void {
    const { reader } = version.image
    if (!outcome.wildcard && (outcome.kind === 'answer' || outcome.kind === 'cname')) return
    if (reader.find(reader.apex(version.at), Type.NSEC) !== 0) this.proveByNsec(version, outcome)
    else {
      const parameters = nsec3Parameters(version)
      if (parameters) this.proveByNsec3(version, outcome, target, parameters)
    }
  }

  /** Writes what was collected into the authority section; false where it did not fit. */
  write(response: ResponseWriter): boolean {
    if (this.count === 0) return true
    response.open(Section.AUTHORITY)
    for (let i = 0; i < this.count; i++) {
      const { version, entry, type } = this.proofs[i]!
      this.setOwner(version, entry)
      const rrset = version.image.reader.find(entry, type)
      if (!writeStored(version, entry, rrset, this.owner, response)) return false
    }
    return true
  }

  private proveByNsec(version: ZoneVersion, outcome: Outcome): void {
    const { reader } = version.image
    const { at } = version
    const { key, entry, wildcard } = outcome
    switch (outcome.kind) {
      case 'answer':
      case 'cname':
        // RFC 4035 §3.1.3.3: there is no closer match than the wildcard.
        if (wildcard) this.nsec(version, reader.covering(at, key))
        return
      case 'nodata':
        // RFC 4035 §3.1.3.1, §3.1.3.4; an empty non-terminal lies between the NSEC before it and what it leads to.
        if (wildcard || entry === 0) this.nsec(version, reader.covering(at, key))
        if (wildcard) {
          this.wildcardKey.readWildcard(key, outcome.closest)
          this.nsec(version, entry === 0 ? reader.covering(at, this.wildcardKey) : entry)
        } else if (entry !== 0) this.nsec(version, entry)
        return
      case 'nxdomain':
        // RFC 4035 §3.1.3.2: neither the name nor a wildcard that could stand for it.
        this.nsec(version, reader.covering(at, key))
        this.wildcardKey.readWildcard(key, outcome.closest)
        this.nsec(version, reader.covering(at, this.wildcardKey))
        return
      case 'referral':
        // RFC 4035 §3.1.4: the NSEC of the cut shows that there is no DS.
        this.nsec(version, entry)
        return
      default:
        return
    }
  }

  private nsec(version: ZoneVersion, entry: number): void {
    this.add(version, entry, Type.NSEC)
  }

  private proveByNsec3(version: ZoneVersion, outcome: Outcome, target: NameRef, parameters: Nsec3Parameters): void {
    const hashed = new HashedNames(version, target, outcome.labels, parameters, this.hashKey)
    const { closest, labels } = outcome
    switch (outcome.kind) {
      case 'answer':
      case 'cname':
        // RFC 5155 §7.2.6: the next closer name does not exist.
        if (outcome.wildcard) this.nsec3(version, hashed.covering(closest + 1))
        return
      case 'nodata':
        if (outcome.wildcard) {
          // RFC 5155 §7.2.5.
          this.closestEncloser(version, hashed, closest)
          this.nsec3(version, hashed.matchingWildcard(closest))
        } else this.matchOrCover(version, hashed, labels)
        return
      case 'nxdomain':
        // RFC 5155 §7.2.2.
        this.nsec3(version, hashed.coveringWildcard(this.closestEncloser(version, hashed, closest)))
        return
      case 'referral':
        // RFC 5155 §7.2.7.
        this.matchOrCover(version, hashed, closest)
        return
      default:
        return
    }
  }

  /** RFC 5155 §7.2.3, §7.2.4, §7.2.7: the NSEC3 of the name; where it was left out by Opt-Out, the closest provable encloser's proof. */
  private matchOrCover(version: ZoneVersion, hashed: HashedNames, labels: number): void {
    const match = hashed.matching(labels)
    if (match !== 0) this.nsec3(version, match)
    else this.closestEncloser(version, hashed, labels - 1)
  }

  /** RFC 5155 §7.2.1: an NSEC3 that matches the closest encloser, or the closest that has one, and one that covers the name below it. */
  private closestEncloser(version: ZoneVersion, hashed: HashedNames, labels: number): number {
    let provable = labels
    while (provable > 0 && hashed.matching(provable) === 0) provable--
    this.nsec3(version, hashed.matching(provable))
    this.nsec3(version, hashed.covering(provable + 1))
    return provable
  }

  private nsec3(version: ZoneVersion, entry: number): void {
    this.add(version, entry, Type.NSEC3)
  }

  private add(version: ZoneVersion, entry: number, type: number): void {
    if (entry === 0 || this.count === MOST || version.image.reader.find(entry, type) === 0) return
    for (let i = 0; i < this.count; i++) {
      const known = this.proofs[i]!
      if (known.entry === entry && known.version === version && known.type === type) return
    }
    this.proofs[this.count++] = { version, entry, type }
  }

  private setOwner(version: ZoneVersion, entry: number): void {
    const { origin, image } = version
    const { ownerOctets } = this
    const end = ownerOctets.length - origin.length
    const length = image.reader.labels(entry, ownerOctets.subarray(0, end))
    ownerOctets.set(origin, end)
    this.owner.set(ownerOctets, end - length, length + origin.length)
  }
}

/** The hashed names of one lookup: of the name's ancestors by how many labels they have below the apex. */
class HashedNames {
  private readonly version: ZoneVersion
  private readonly target: NameRef
  private readonly labels: number
  private readonly parameters: Nsec3Parameters
  private readonly key: Uint8Array
  private readonly name = new NameRef()

  constructor(version: ZoneVersion, target: NameRef, labels: number, parameters: Nsec3Parameters, key: Uint8Array) {
    this.version = version
    this.target = target
    this.labels = labels
    this.parameters = parameters
    this.key = key
  }

  matching(labels: number): number {
    return this.version.image.reader.matchingHash(this.version.at, this.key, this.hash(labels, false))
  }

  /** The NSEC3 that covers, or, of a zone that changed under its signer's hands, matches. */
  covering(labels: number): number {
    return this.version.image.reader.coveringHash(this.version.at, this.key, this.hash(labels, false))
  }

  matchingWildcard(labels: number): number {
    return this.version.image.reader.matchingHash(this.version.at, this.key, this.hash(labels, true))
  }

  coveringWildcard(labels: number): number {
    return this.version.image.reader.coveringHash(this.version.at, this.key, this.hash(labels, true))
  }

  /** Puts the search key of the ancestor's hash, or of "*" below it, into `key`; returns its length. */
  private hash(labels: number, wildcard: boolean): number {
    const { target, name, key } = this
    name.setAncestor(target, this.labels - labels)
    const octets = name.toName()
    const hashed = nsec3Hash(wildcard ? Uint8Array.of(1, 0x2a, ...octets) : octets, this.parameters)
    const label = printBase32Hex(hashed)
    // As `SearchKey` has it: lower case, ended by a zero.
    for (let i = 0; i < label.length; i++) key[i] = label.charCodeAt(i) | 0x20
    key[label.length] = 0
    return label.length + 1
  }
}

/** RFC 5155 §4, §7.3: what the NSEC3PARAM at the apex says; undefined where there is none that we know. */
export function nsec3Parameters(version: ZoneVersion): Nsec3Parameters | undefined {
  const { reader } = version.image
  const rrset = reader.find(reader.apex(version.at), Type.NSEC3PARAM)
  if (rrset === 0) return undefined
  const { octets } = reader
  let at = reader.data(rrset)
  for (let left = reader.count(rrset); left > 0; left--) {
    const rdata = at + 2
    const length = (octets[at]! << 8) | octets[at + 1]!
    // RFC 5155 §4.1.2: parameters with any flag set are not for use.
    if (octets[rdata] === NSEC3_SHA1 && octets[rdata + 1] === 0) {
      const iterations = (octets[rdata + 2]! << 8) | octets[rdata + 3]!
      return { iterations, salt: octets.slice(rdata + 5, rdata + 5 + octets[rdata + 4]!) }
    }
    at += 2 + length
  }
  return undefined
}
