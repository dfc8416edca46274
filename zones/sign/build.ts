import type { Name } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'
import { labelOf } from './nsec3.ts'
import type { Stale } from './scan.ts'

/**
 * The names of a zone that is signed for the first time, a few at a time. Names that come meanwhile are signed as they come. NSEC3 are made
 * in the order of their hashes, so that hardly any is made twice.
 */
export class FirstSigning {
  private readonly owners: Iterator<Name>

  constructor(version: ZoneVersion, nsec3: boolean) {
    const owners = version.ownersAfter(version.origin)
    this.owners = nsec3 ? byHash(owners) : owners
  }

  /** The next `most` names; none once all have been. */
  take(most: number): Stale {
    const some: { owner: Name; type: number }[] = []
    while (some.length < most) {
      const { value, done } = this.owners.next()
      if (done) break
      some.push({ owner: value, type: Type.RRSIG })
    }
    return some
  }
}

function byHash(owners: Iterable<Name>): Iterator<Name> {
  const hashed = Array.from(owners, owner => ({ owner, label: labelOf(owner) }))
  hashed.sort((a, b) => (a.label < b.label ? -1 : 1))
  return hashed.map(({ owner }) => owner).values()
}
