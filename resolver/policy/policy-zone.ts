import {
  ancestorName,
  compareNames,
  concatNames,
  isSubdomain,
  type Name,
  parseName,
  wildcardOf,
} from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { type Action, actionOf, type Override } from './action.ts'
import { AddressRules, parseBlock } from './triggers.ts'

/** A version of a zone, as far as rules are found in it. */
export interface RuleData {
  /** Tell versions apart. */
  readonly image: unknown
  readonly at: number
  typesAt(owner: Name): number[]
  rrset(owner: Name, type: number): RRset | undefined
  /** The owners after the name in canonical order. */
  ownersAfter(owner: Name): Iterable<Name>
}

/** A response policy zone: its records are rules, found where they lie. */
export interface PolicySource {
  origin: Name
  /** What becomes of all that its rules fit, whatever they say. */
  policy: Override
  log: boolean
  /** As it is now; undefined where it has nothing to serve. */
  latest(): RuleData | undefined
}

/** What a rule says, and which it is. */
export interface Ruling {
  action: Action
  source: PolicySource
  /** The owner of the rule. */
  rule: Name
}

const CLIENT = parseName('rpz-client-ip.')
const ADDRESS = parseName('rpz-ip.')
const SERVER_NAME = parseName('rpz-nsdname.')
const SERVER_ADDRESS = parseName('rpz-nsip.')

/** The rules of one policy zone by trigger. What is compiled of it (address blocks alone) is made anew for each version. */
export class PolicyZone {
  readonly source: PolicySource
  private data: RuleData | undefined
  private clients = new AddressRules()
  private addresses = new AddressRules()
  private serverAddresses = new AddressRules()
  private hasServerNames = false

  constructor(source: PolicySource) {
    this.source = source
  }

  /** Takes the version that is served now; to be called before a question is judged. */
  refresh(): void {
    if (this.isCurrent) return
    this.data = this.source.latest()
    this.clients = this.compile(CLIENT)
    this.addresses = this.compile(ADDRESS)
    this.serverAddresses = this.compile(SERVER_ADDRESS)
    this.hasServerNames = !this.below(SERVER_NAME).next().done
  }

  /** Tells the version that was taken from others. */
  get version(): unknown {
    return this.data
  }

  /** Whether the version that was taken is the one that is served. */
  get isCurrent(): boolean {
    const latest = this.source.latest()
    return latest?.image === this.data?.image && latest?.at === this.data?.at
  }

  get judgesClients(): boolean {
    return this.clients.size > 0
  }

  /** Whether some rule can only be tried once there is an answer. */
  get judgesAnswers(): boolean {
    return this.addresses.size > 0 || this.serverAddresses.size > 0 || this.hasServerNames
  }

  byClient(address: Uint8Array): Ruling | undefined {
    return this.rulingAt(this.clients.find([address]))
  }

  byAddresses(addresses: readonly Uint8Array[]): Ruling | undefined {
    return this.rulingAt(this.addresses.find(addresses))
  }

  byServerAddresses(addresses: readonly Uint8Array[]): Ruling | undefined {
    return this.rulingAt(this.serverAddresses.find(addresses))
  }

  byName(name: Name): Ruling | undefined {
    return this.byNameBelow(name, this.source.origin)
  }

  /** Of several names that rules fit the first in canonical order decides. */
  byServerNames(names: readonly Name[]): Ruling | undefined {
    if (!this.hasServerNames) return undefined
    const apex = this.apexOf(SERVER_NAME)
    for (const name of names.toSorted(compareNames)) {
      const ruling = this.byNameBelow(name, apex)
      if (ruling) return ruling
    }
    return undefined
  }

  /** A rule for the name itself goes before wildcards, the closest wildcard before others. */
  private byNameBelow(name: Name, apex: Name): Ruling | undefined {
    const exact = this.rulingAt(concatNames(name, apex))
    if (exact || name.length === 1) return exact
    for (let above = ancestorName(name); ; above = ancestorName(above)) {
      const owner = concatNames(above, apex)
      const wild = owner && this.rulingAt(wildcardOf(owner))
      if (wild || above.length === 1) return wild
    }
  }

  private rulingAt(owner: Name | undefined): Ruling | undefined {
    if (!owner || !this.data || owner.length === this.source.origin.length) return undefined
    const types = this.data.typesAt(owner).filter(type => type !== Type.RRSIG && type !== Type.NSEC)
    if (types.length === 0) return undefined
    const { source } = this
    return { source, rule: owner, action: actionOf(this.data, owner, types, source.policy) }
  }

  private compile(kind: Name): AddressRules {
    const rules = new AddressRules()
    const apex = this.apexOf(kind)
    for (const owner of this.below(kind)) {
      const block = parseBlock(owner, apex)
      if (block) rules.add(block, owner)
    }
    return rules
  }

  private *below(kind: Name): Generator<Name> {
    const apex = this.apexOf(kind)
    for (const owner of this.data?.ownersAfter(apex) ?? []) {
      if (!isSubdomain(owner, apex)) return
      yield owner
    }
  }

  private apexOf(kind: Name): Name {
    return concatNames(kind, this.source.origin) ?? this.source.origin
  }
}
