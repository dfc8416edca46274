import { printAddress } from '../../config/address.ts'
import { type Name, nameKey, printName } from '../../dns/name.ts'
import { copyOctets } from '../../dns/octets.ts'
import type { Clock } from '../../host/clock.ts'

/** What a serving thread saw of a TSIG key; times are milliseconds since 1970, addresses as text. */
export interface KeyUse {
  name: string
  /** Requests that verified, and of these the ones with a secret that is being rotated out. */
  requests: number
  oldRequests: number
  /** Requests that did not verify, by the error of RFC 8945 §5.2. */
  failures: Record<string, number>
  last?: Moment
  lastOld?: Moment
  lastFailure?: Moment
}

/** When, and from which address. */
export interface Moment {
  at: number
  from: string
}

interface Seen {
  at: number
  address: Uint8Array
}

/** As `KeyUse`, kept so that a request costs a look-up and a copy of its address. */
interface Kept {
  name: Name
  requests: number
  oldRequests: number
  failures: Map<string, number>
  last: Seen | undefined
  lastOld: Seen | undefined
  lastFailure: Seen | undefined
}

/** How the TSIG keys of the configuration are used, as one thread sees it. Names that no key has are not kept: strangers make up as many as they like. */
export class KeyUses {
  private readonly clock: Pick<Clock, 'now'>
  private readonly kept = new Map<string, Kept>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.clock = clock
  }

  /** A request verified; with a secret other than the first where `secretIndex` is not 0. */
  verified(key: Name, secretIndex: number, address: Uint8Array): void {
    const kept = this.of(key)
    const seen = this.see(address)
    kept.requests++
    kept.last = seen
    if (secretIndex === 0) return
    kept.oldRequests++
    kept.lastOld = seen
  }

  /** A request in the name of a key that there is did not verify. */
  failed(key: Name, error: string, address: Uint8Array): void {
    const kept = this.of(key)
    kept.failures.set(error, (kept.failures.get(error) ?? 0) + 1)
    kept.lastFailure = this.see(address)
  }

  told(): KeyUse[] {
    return [...this.kept.values()].map(({ name, requests, oldRequests, failures, last, lastOld, lastFailure }) => ({
      ...{ name: printName(name), requests, oldRequests, failures: Object.fromEntries(failures) },
      ...(last && { last: momentOf(last) }),
      ...(lastOld && { lastOld: momentOf(lastOld) }),
      ...(lastFailure && { lastFailure: momentOf(lastFailure) }),
    }))
  }

  private of(name: Name): Kept {
    const key = nameKey(name)
    const known = this.kept.get(key)
    if (known) return known
    const nothing = { last: undefined, lastOld: undefined, lastFailure: undefined }
    const kept: Kept = { name, requests: 0, oldRequests: 0, failures: new Map(), ...nothing }
    this.kept.set(key, kept)
    return kept
  }

  private see(address: Uint8Array): Seen {
    return { at: this.clock.now(), address: copyOctets(address) }
  }
}

function momentOf({ at, address }: Seen): Moment {
  return { at, from: printAddress(address) }
}

/** What all threads saw, by the keys' names: counted together, and of moments the latest. */
export function mergeKeyUses(uses: readonly KeyUse[]): KeyUse[] {
  const merged = new Map<string, KeyUse>()
  for (const use of uses) {
    const before = merged.get(use.name)
    merged.set(use.name, before ? add(before, use) : use)
  }
  return [...merged.values()]
}

function add(a: KeyUse, b: KeyUse): KeyUse {
  const errors = new Set([...Object.keys(a.failures), ...Object.keys(b.failures)])
  const [last, lastOld, lastFailure] = (['last', 'lastOld', 'lastFailure'] as const).map(which =>
    later(a[which], b[which]),
  )
  return {
    name: a.name,
    requests: a.requests + b.requests,
    oldRequests: a.oldRequests + b.oldRequests,
    failures: Object.fromEntries(
      [...errors].map(error => [error, (a.failures[error] ?? 0) + (b.failures[error] ?? 0)]),
    ),
    ...(last && { last }),
    ...(lastOld && { lastOld }),
    ...(lastFailure && { lastFailure }),
  }
}

function later(a: Moment | undefined, b: Moment | undefined): Moment | undefined {
  return !b || (a && a.at >= b.at) ? a : b
}
