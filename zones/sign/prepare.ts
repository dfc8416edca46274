import { type SignaturePeriod, type SigningKey, signRRsetAside } from '../../dns/dnssec.ts'
import { nameKey } from '../../dns/name.ts'
import { equalOctets, type RRset } from '../../dns/record.ts'

/** Signatures that were made aside, on other threads, for RRsets that may have changed by the time they are wanted. */
export class PreparedSignatures {
  private readonly ready = new Map<string, { rrset: RRset; rrsig: Uint8Array }>()

  async make(rrset: RRset, key: SigningKey, period: SignaturePeriod): Promise<void> {
    const rrsig = await signRRsetAside(rrset, key, period)
    this.ready.set(nameOf(rrset, key), { rrset, rrsig })
  }

  /** The signature of just this RRset by this key; undefined where there is none. */
  take(rrset: RRset, key: SigningKey): Uint8Array | undefined {
    const found = this.ready.get(nameOf(rrset, key))
    return found && isSame(found.rrset, rrset) ? found.rrsig : undefined
  }
}

function nameOf({ owner, type }: RRset, { algorithm, keyTag }: SigningKey): string {
  return `${type}/${algorithm}/${keyTag}/${nameKey(owner)}`
}

function isSame(a: RRset, b: RRset): boolean {
  if (a.ttl !== b.ttl || a.rdatas.length !== b.rdatas.length) return false
  return a.rdatas.every((rdata, i) => equalOctets(rdata, b.rdatas[i]!))
}
