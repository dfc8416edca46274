import type { CaCertificate } from './ca-certificate.ts'
import { isBelow } from './intermediate.ts'

/** A way from an intermediate to a root. */
export interface Chain {
  /** The intermediate first, then cross certificates; without the root (RFC 8555 §9.1 leaves it out, and clients have it). */
  readonly certificates: readonly CaCertificate[]
  readonly root: CaCertificate
}

/** Every way from an intermediate to a root that has not expired, by way of cross certificates; none goes through one key twice. */
export function chainsFrom(
  intermediate: CaCertificate,
  roots: readonly CaCertificate[],
  crosses: readonly CaCertificate[],
  now: number,
): Chain[] {
  const chains: Chain[] = []
  const walk = (path: readonly CaCertificate[]) => {
    const last = path.at(-1)!
    const root = roots.find(one => one.notAfter > now && isBelow(last, one))
    if (root) chains.push({ certificates: path, root })
    for (const cross of crosses) {
      const leads = cross.notAfter > now && cross.id === last.authorityKeyId && sameName(cross.subject, last.issuer)
      // Its issuer's key must be new to the path, or two roots that sign each other would lead in a circle.
      const isNew = path.every(({ authorityKeyId }) => authorityKeyId !== cross.authorityKeyId)
      if (leads && isNew) walk([...path, cross])
    }
  }
  walk([intermediate])
  return chains
}

/** The chain that is handed out first, then the alternates: to the preferred root, to one as long as `until` asks, to the oldest root. */
export function inOrder(
  chains: readonly Chain[],
  newestFirst: readonly CaCertificate[],
  preferred: string | undefined,
  until: number,
): Chain[] {
  const end = ({ certificates, root }: Chain) => Math.min(root.notAfter, ...certificates.map(one => one.notAfter))
  const rank = (chain: Chain) => [
    preferred !== undefined && chain.root.commonName === preferred ? 0 : 1,
    end(chain) >= until ? 0 : 1,
    -newestFirst.indexOf(chain.root),
    chain.certificates.length,
  ]
  return [...chains].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)]
    const differing = left.findIndex((value, i) => value !== right[i])
    return differing < 0 ? 0 : left[differing]! - right[differing]!
  })
}

function sameName(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b)
}
