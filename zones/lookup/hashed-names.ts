import { LOWER, MAX_NAME } from '../../dns/name.ts'
import { NSEC3_LABEL, NSEC3_SHA1, type Nsec3Parameters, writeNsec3Label } from '../../dns/nsec3.ts'
import { Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'
import { NameRef } from './nameref.ts'

const ASTERISK = 0x2a

/**
 * The NSEC3 records that match or cover a name, its ancestors and the wildcards below them (RFC 5155 §1.3). Names are told by how many labels they have
 * below the apex. One object serves a thread.
 */
export class HashedNames {
  /** Whose records are looked for. */
  version: ZoneVersion | undefined
  private parameters: Nsec3Parameters | undefined
  private readonly known = new WeakMap<ZoneVersion, Nsec3Parameters>()
  private target = new NameRef()
  private labels = 0
  private readonly ancestor = new NameRef()
  /** "*." and a name, in canonical form. */
  private readonly canonical = new Uint8Array(2 + MAX_NAME)
  /** As `SearchKey` has it: in lower case, ended by a zero. */
  private readonly key = new Uint8Array(NSEC3_LABEL + 1)

  /** Takes the name `target`, which has `labels` labels below the apex; false where the zone has no NSEC3 that we know. */
  begin(version: ZoneVersion, target: NameRef, labels: number): boolean {
    this.version = version
    this.parameters = this.known.get(version) ?? nsec3Parameters(version)
    if (this.parameters && !this.known.has(version)) this.known.set(version, this.parameters)
    this.target = target
    this.labels = labels
    return this.parameters !== undefined
  }

  /** Keeps nothing alive that is no longer served. */
  clear(): void {
    this.version = undefined
  }

  /** The entry of the NSEC3 that matches the ancestor, or 0. */
  matching(labels: number): number {
    return this.match(this.hash(labels, false))
  }

  /** The entry of the NSEC3 that covers the ancestor, or, in a zone that changed under its signer's hands, matches; 0 where there is none. */
  covering(labels: number): number {
    return this.cover(this.hash(labels, false))
  }

  /** The same of "*" below it. */
  matchingWildcard(labels: number): number {
    return this.match(this.hash(labels, true))
  }

  coveringWildcard(labels: number): number {
    return this.cover(this.hash(labels, true))
  }

  private match(key: Uint8Array): number {
    const { image, at } = this.version!
    return image.reader.matchingHash(at, key, key.length)
  }

  private cover(key: Uint8Array): number {
    const { image, at } = this.version!
    return image.reader.coveringHash(at, key, key.length)
  }

  /** The search key of the ancestor's hash, or of "*" below it. */
  private hash(labels: number, wildcard: boolean): Uint8Array {
    const { ancestor, canonical } = this
    ancestor.setAncestor(this.target, this.labels - labels)
    const { buf, at, length } = ancestor
    canonical[0] = 1
    canonical[1] = ASTERISK
    for (let i = 0; i < length; i++) canonical[2 + i] = LOWER[buf[at + i]!]!
    writeNsec3Label(canonical.subarray(wildcard ? 0 : 2, 2 + length), this.parameters!, this.key)
    return this.key
  }
}

/** RFC 5155 §4, §7.3: what the NSEC3PARAM at the apex says; undefined where there is none that we know. */
function nsec3Parameters(version: ZoneVersion): Nsec3Parameters | undefined {
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
