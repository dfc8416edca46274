import type { Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'
import { type PolicySource, PolicyZone, type Ruling } from './policy-zone.ts'

/** Who gave an answer, where authoritative servers were asked. */
export interface Authorities {
  names: readonly Name[]
  addresses: readonly Uint8Array[]
}

/** A ruling for a name: the one that was asked, or one that the answer's aliases led to. */
export interface NamedRuling extends Ruling {
  name: Name
}

/**
 * The response policy zones of a view, in their order. Of all rules that fit one of an earlier zone decides; within a zone those for the client go
 * first, then for the name, for an address of the answer, for the name of a server and for its address.
 */
export class Policies {
  private readonly zones: readonly PolicyZone[]

  constructor(sources: readonly PolicySource[]) {
    this.zones = sources.map(source => new PolicyZone(source))
  }

  /** Takes the versions of the zones that are served now. */
  refresh(): void {
    for (const zone of this.zones) zone.refresh()
  }

  /** Whether what was judged last is what would be judged now. */
  get areCurrent(): boolean {
    return this.zones.every(zone => zone.isCurrent)
  }

  /** Whether what one client is answered may not be what another is. */
  get judgesClients(): boolean {
    return this.zones.some(zone => zone.judgesClients)
  }

  /** The ruling that stands before there is an answer; none yet where a rule of an earlier zone may want to see that first. */
  before(name: Name, client: Uint8Array): NamedRuling | 'wait' | undefined {
    for (const zone of this.zones) {
      const ruling = effective(zone.byClient(client)) ?? effective(zone.byName(name))
      if (ruling) return { ...ruling, name }
      if (zone.judgesAnswers) return 'wait'
    }
    return undefined
  }

  /** The ruling that stands with the answer at hand. */
  after(
    name: Name,
    client: Uint8Array,
    answer: readonly ResourceRecord[],
    authorities?: Authorities,
  ): NamedRuling | undefined {
    const names = [name, ...answer.flatMap(({ type, rdata }) => (type === Type.CNAME ? targetOf(type, rdata)! : []))]
    const last = names.at(-1)!
    const addresses = answer.filter(({ type }) => type === Type.A || type === Type.AAAA).map(({ rdata }) => rdata)
    for (const zone of this.zones) {
      const found =
        named(zone.byClient(client), name) ??
        first(names, one => named(zone.byName(one), one)) ??
        first(addresses, address => named(zone.byAddress(address), last)) ??
        first(authorities?.names ?? [], server => named(zone.byServerName(server), last)) ??
        first(authorities?.addresses ?? [], server => named(zone.byServerAddress(server), last))
      if (found) return found
    }
    return undefined
  }
}

/** A zone that is switched off decides nothing. */
function effective(ruling: Ruling | undefined): Ruling | undefined {
  return ruling?.action.kind === 'disabled' ? undefined : ruling
}

function named(ruling: Ruling | undefined, name: Name): NamedRuling | undefined {
  const standing = effective(ruling)
  return standing && { ...standing, name }
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found) return found
  }
  return undefined
}
