import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import type { Chain } from '../hierarchy/chains.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'

/**
 * What devices should know before they need it (RFC 8894 §4.7): an intermediate that is there and not valid yet or, while they are led to a root
 * of before, the way to the root of now. Undefined where GetCACert says it all.
 */
export function successor(
  hierarchy: Pick<Hierarchy, 'root' | 'intermediates' | 'chains'>,
  current: CaCertificate,
  now: number,
): Chain | undefined {
  const next = hierarchy.intermediates().findLast(one => one.notBefore > now && one.serial !== current.serial)
  if (next) return hierarchy.chains(next, next.notAfter)[0]
  const [first, ...others] = hierarchy.chains(current, current.notAfter)
  const { serial } = hierarchy.root
  return first?.root.serial === serial ? undefined : others.find(({ root }) => root.serial === serial)
}
