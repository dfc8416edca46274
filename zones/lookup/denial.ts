import { type ResponseWriter, Section } from '../../dns/response.ts'
import { Type } from '../../dns/types.ts'
import { SearchKey } from '../image/key.ts'
import type { ZoneVersion } from '../zone.ts'
import { writeStored } from './additional.ts'
import { HashedNames } from './hashed-names.ts'
import type { Outcome } from './lookup.ts'
import { NameRef } from './nameref.ts'

/** Proofs that one response may need: three for each alias that a wildcard stands for, and for its end. */
const MOST = 52

/** One NSEC or NSEC3 of a zone version. */
class Proof {
  version: ZoneVersion | undefined
  entry = 0
  type = 0
}

/**
 * Proves that something is not there, by the NSEC or NSEC3 records of a signed zone (RFC 4035 §3.1.3, RFC 5155 §7.2). Proofs are
 * collected while a query follows aliases, each once, and written when the answer section is complete. One object serves a thread.
 */
export class Denial {
  /** The first `count` are collected. */
  private readonly proofs = Array.from({ length: MOST }, () => new Proof())
  private count = 0
  private readonly owner = new NameRef()
  private readonly ownerOctets = new Uint8Array(256)
  private readonly wildcardKey = new SearchKey()
  private readonly hashed = new HashedNames()

  /** To be called before each query; keeps nothing alive that is no longer served. */
  clear(): void {
    while (this.count > 0) this.proofs[--this.count]!.version = undefined
    this.hashed.clear()
  }

  /** Collects what proves the outcome of looking `target` up, where something of it is an absence and the zone is signed. */
  prove(version: ZoneVersion, outcome: Outcome, target: NameRef): void {
    const { reader } = version.image
    if (!outcome.wildcard && (outcome.kind === 'answer' || outcome.kind === 'cname')) return
    if (reader.find(reader.apex(version.at), Type.NSEC) !== 0) this.proveByNsec(version, outcome)
    else if (this.hashed.begin(version, target, outcome.labels)) this.proveByNsec3(outcome)
  }

  /** Writes what was collected into the authority section; false where it did not fit. */
  write(response: ResponseWriter): boolean {
    if (this.count === 0) return true
    response.open(Section.AUTHORITY)
    for (let i = 0; i < this.count; i++) {
      const { version, entry, type } = this.proofs[i]!
      this.setOwner(version!, entry)
      const rrset = version!.image.reader.find(entry, type)
      if (!writeStored(version!, entry, rrset, this.owner, response)) return false
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

  private proveByNsec3(outcome: Outcome): void {
    const { hashed } = this
    const { closest, labels } = outcome
    switch (outcome.kind) {
      case 'answer':
      case 'cname':
        // RFC 5155 §7.2.6: the next closer name does not exist.
        if (outcome.wildcard) this.nsec3(hashed.covering(closest + 1))
        return
      case 'nodata':
        if (outcome.wildcard) {
          // RFC 5155 §7.2.5.
          this.closestEncloser(closest)
          this.nsec3(hashed.matchingWildcard(closest))
        } else this.matchOrCover(labels)
        return
      case 'nxdomain':
        // RFC 5155 §7.2.2.
        this.nsec3(hashed.coveringWildcard(this.closestEncloser(closest)))
        return
      case 'referral':
        // RFC 5155 §7.2.7.
        this.matchOrCover(closest)
        return
      default:
        return
    }
  }

  /** RFC 5155 §7.2.3, §7.2.4, §7.2.7: the NSEC3 of the name; where it was left out by Opt-Out, the closest provable encloser's proof. */
  private matchOrCover(labels: number): void {
    const match = this.hashed.matching(labels)
    if (match !== 0) this.nsec3(match)
    else this.closestEncloser(labels - 1)
  }

  /** RFC 5155 §7.2.1: an NSEC3 that matches the closest encloser, or the closest that has one, and one that covers the name below it. */
  private closestEncloser(labels: number): number {
    const { hashed } = this
    let provable = labels
    let match = hashed.matching(provable)
    while (provable > 0 && match === 0) match = hashed.matching(--provable)
    this.nsec3(match)
    this.nsec3(hashed.covering(provable + 1))
    return provable
  }

  private nsec3(entry: number): void {
    this.add(this.hashed.version!, entry, Type.NSEC3)
  }

  private add(version: ZoneVersion, entry: number, type: number): void {
    if (entry === 0 || this.count === MOST || version.image.reader.find(entry, type) === 0) return
    for (let i = 0; i < this.count; i++) {
      const known = this.proofs[i]!
      if (known.entry === entry && known.version === version && known.type === type) return
    }
    const proof = this.proofs[this.count++]!
    proof.version = version
    proof.entry = entry
    proof.type = type
  }

  private setOwner(version: ZoneVersion, entry: number): void {
    const { origin, image } = version
    const { ownerOctets } = this
    const end = ownerOctets.length - origin.length
    const length = image.reader.labels(entry, ownerOctets, end)
    ownerOctets.set(origin, end)
    this.owner.set(ownerOctets, end - length, length + origin.length)
  }
}
