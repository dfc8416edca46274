import { dnssecAlgorithm } from '../../../dns/algorithms.ts'
import { Class } from '../../../dns/codes.ts'
import { dsRdata, keyTag, type SigningKey, signRRset } from '../../../dns/dnssec.ts'
import {
  ancestorName,
  compareNames,
  equalNames,
  isSubdomain,
  type Name,
  nameKey,
  parseName,
} from '../../../dns/name.ts'
import { BEST_PARAMETERS, type Nsec3Parameters, nsec3Hash, nsec3Owner } from '../../../dns/nsec3.ts'
import type { ResourceRecord, RRset } from '../../../dns/record.ts'
import { printBase32Hex } from '../../../dns/text.ts'
import { makeRdata, parseRdataText, Type, typeCode } from '../../../dns/types.ts'
import { newKey } from '../../dns/new-key.ts'

/** How a test zone is made. */
export interface ZoneSpec {
  apex: string
  /** "owner type rdata", all names absolute; SOA, NS, DNSKEY and DS come by themselves. */
  records?: string[]
  signed?: boolean
  algorithm?: number
  nsec3?: Nsec3Parameters & { optOut?: boolean }
  /** Whether the parent has a DS; left out: where it is signed. */
  ds?: boolean
  digestType?: number
  /** The DS records of the parent, in place of the right one. */
  pointers?: (zone: TestZone) => Uint8Array[]
  /** Of the key; left out: a zone key that is an entry point. */
  flags?: number
  /** Seconds from now. */
  period?: { inception: number; expiration: number }
  /** The number that keys, signatures and DS carry instead of the real algorithm's. */
  disguise?: number
  ttl?: number
}

export const NO_ITERATIONS = BEST_PARAMETERS

/** A zone with its signatures and proofs of absence, made by the letter of RFC 4034 and RFC 5155, slowly and apart from what is tested. */
export class TestZone {
  readonly apex: Name
  readonly spec: ZoneSpec
  readonly key: SigningKey
  readonly dnskey: Uint8Array
  readonly sets: RRset[] = []
  private denials: { at: Name; key: string; set: RRset }[] = []
  private readonly now: number

  constructor(spec: ZoneSpec, now: number) {
    this.spec = spec
    this.now = now
    this.apex = parseName(spec.apex)
    const code = spec.algorithm ?? 13
    const algorithm = dnssecAlgorithm(code)!
    const privateKey = newKey(code)
    const publicKey = algorithm.publicOctets(privateKey)
    this.dnskey = makeRdata('DNSKEY', {
      flags: spec.flags ?? 257,
      protocol: 3,
      algorithm: spec.disguise ?? code,
      publicKey,
    })
    this.key = { signer: this.apex, algorithm: code, keyTag: keyTag(this.dnskey), privateKey }
    this.add(this.apex, Type.SOA, 'ns.invalid. hostmaster.invalid. 1 3600 600 86400 300')
    this.add(this.apex, Type.NS, 'ns.invalid.')
    if (this.signed) this.addRdata(this.apex, Type.DNSKEY, this.dnskey)
    for (const text of spec.records ?? []) {
      const [, owner, type, rdata] = /^(\S+) (\S+) (.*)$/.exec(text)!
      this.add(parseName(owner!), typeCode(type!)!, rdata!)
    }
  }

  get signed(): boolean {
    return this.spec.signed !== false
  }

  get ds(): Uint8Array {
    return dsRdata(this.apex, this.dnskey, this.spec.digestType ?? 2)!
  }

  add(owner: Name, type: number, text: string): void {
    this.addRdata(owner, type, parseRdataText(type, text))
  }

  addRdata(owner: Name, type: number, rdata: Uint8Array): void {
    const known = this.find(owner, type)
    if (known) known.rdatas.push(rdata)
    else this.sets.push({ owner, type, ttl: this.spec.ttl ?? 300, rdatas: [rdata] })
  }

  find(owner: Name, type: number): RRset | undefined {
    return this.sets.find(set => set.type === type && equalNames(set.owner, owner))
  }

  /** Whether the name is there, if only as an empty non-terminal. */
  exists(name: Name): boolean {
    return this.sets.some(({ owner }) => isSubdomain(owner, name))
  }

  /** The set with its signature; of a wildcard under the owner that it is expanded to. */
  signedRecords(set: RRset, owner = set.owner): ResourceRecord[] {
    const shown = (type: number, rdata: Uint8Array) => ({ owner, type, class: Class.IN, ttl: set.ttl, rdata })
    const records = set.rdatas.map(rdata => shown(set.type, rdata))
    const isCut = set.type === Type.NS && !equalNames(set.owner, this.apex)
    return this.signed && !isCut ? [...records, shown(Type.RRSIG, this.sign(set))] : records
  }

  sign(set: RRset): Uint8Array {
    const { period = { inception: -3600, expiration: 86400 }, disguise } = this.spec
    const { inception, expiration } = period
    const rrsig = signRRset(set, this.key, { inception: this.now + inception, expiration: this.now + expiration })
    if (disguise !== undefined) rrsig[2] = disguise
    return rrsig
  }

  /** Makes the chain of NSEC or NSEC3 records; to be called once all records are there. */
  finish(): void {
    if (!this.signed) return
    const { nsec3 } = this.spec
    if (nsec3) this.addRdata(this.apex, Type.NSEC3PARAM, makeRdata('NSEC3PARAM', { algorithm: 1, flags: 0, ...nsec3 }))
    this.denials = nsec3 ? this.makeNsec3(nsec3) : this.makeNsec()
  }

  private typesAt(name: Name): number[] {
    return this.sets.filter(({ owner }) => equalNames(owner, name)).map(({ type }) => type)
  }

  private names(): Name[] {
    return [...new Map(this.sets.map(({ owner }) => [nameKey(owner), owner])).values()].sort(compareNames)
  }

  private makeNsec() {
    const names = this.names()
    return names.map((at, i) => {
      const next = names[(i + 1) % names.length]!
      const types = [...this.typesAt(at), Type.RRSIG, Type.NSEC].sort((a, b) => a - b)
      const rdatas = [makeRdata('NSEC', { next, types })]
      return { at, key: nameKey(at), set: { owner: at, type: Type.NSEC, ttl: 300, rdatas } }
    })
  }

  private makeNsec3(parameters: Nsec3Parameters & { optOut?: boolean }) {
    const isOpen = (name: Name) =>
      parameters.optOut && this.find(name, Type.NS) && !this.find(name, Type.DS) && !equalNames(name, this.apex)
    const named = this.names().filter(name => !isOpen(name))
    const all = new Map<string, Name>()
    for (const name of named)
      for (let at = name; ; at = ancestorName(at)) {
        all.set(nameKey(at), at)
        if (equalNames(at, this.apex)) break
      }
    const hashed = [...all.values()]
      .map(name => ({ name, hash: nsec3Hash(name, parameters) }))
      .sort((a, b) => Buffer.compare(a.hash, b.hash))
    return hashed.map(({ name, hash }, i) => {
      const types = this.typesAt(name)
      if (types.length > 0 && !(types.includes(Type.NS) && types.length === 1)) types.push(Type.RRSIG)
      const next = hashed[(i + 1) % hashed.length]!.hash
      const { iterations, salt, optOut } = parameters
      const fields = { algorithm: 1, flags: optOut ? 1 : 0, iterations, salt, next, types: types.sort((a, b) => a - b) }
      const set: RRset = {
        owner: nsec3Owner(hash, this.apex)!,
        type: Type.NSEC3,
        ttl: 300,
        rdatas: [makeRdata('NSEC3', fields)],
      }
      return { at: name, key: printBase32Hex(hash), set }
    })
  }

  /** The NSEC or NSEC3 that matches the name, or else covers it, signed. */
  denial(name: Name): ResourceRecord[] {
    const found = this.matching(name) ?? this.covering(name)
    return this.signedRecords(found.set)
  }

  matching(name: Name) {
    return this.denials.find(({ at }) => equalNames(at, name))
  }

  covering(name: Name) {
    const { nsec3 } = this.spec
    if (!nsec3) return this.denials.findLast(({ at }) => compareNames(at, name) < 0)!
    const key = printBase32Hex(nsec3Hash(name, nsec3))
    return this.denials.findLast(one => one.key < key) ?? this.denials.at(-1)!
  }
}
