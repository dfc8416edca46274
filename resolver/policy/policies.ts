import type { Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { Authorities } from '../routes/authorities.ts'
import { type PolicySource, PolicyZone, type Ruling } from './policy-zone.ts'

/** A ruling for a name: the one that was asked, or one that the answer's aliases led to. */
export interface NamedRuling extends Ruling {
  name: Name
}

/** A rule may want to see the answer first; what is known until then: the zones that have nothing to say of client and name, in these versions. */
export interface Pending {
  kind: 'pending'
  silent: ReadonlyMap<PolicyZone, unknown>
}

/**
 * The response policy zones of a view, in their order. Of a chain of aliases what fits an earlier name decides, of all rules for it one of an earlier
 * zone; within a zone those for the client go first, then for the name, for an address of the answer, for the name of a server and for its address.
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
  before(name: Name, client: Uint8Array): NamedRuling | Pending | undefined {
    const silent = new Map<PolicyZone, unknown>()
    for (const zone of this.zones) {
      const ruling = effective(zone.byClient(client)) ?? effective(zone.byName(name))
      if (ruling) return { ...ruling, name }
      silent.set(zone, zone.version)
      if (zone.judgesAnswers) return { kind: 'pending', silent }
    }
    return undefined
  }

  /** The ruling that stands with the answer at hand. `pending` is what there was before. */
  after(
    name: Name,
    client: Uint8Array,
    answer: readonly ResourceRecord[],
    authorities: Authorities = NOBODY,
    pending?: Pending,
  ): NamedRuling | undefined {
    const aliases = answer.flatMap(({ type, rdata }) => (type === Type.CNAME ? targetOf(type, rdata)! : []))
    for (const one of [name, ...aliases.slice(0, -1)]) {
      const found = aliases.length > 0 && this.first(zone => zone.byClient(client) ?? zone.byName(one))
      if (found) return { ...found, name: one }
    }
    const last = aliases.at(-1) ?? name
    const addresses = answer.filter(({ type }) => type === Type.A || type === Type.AAAA).map(({ rdata }) => rdata)
    const isSilent = (zone: PolicyZone) => aliases.length === 0 && pending?.silent.get(zone) === zone.version
    const found = this.first(
      zone =>
        (isSilent(zone) ? undefined : (zone.byClient(client) ?? zone.byName(last))) ??
        zone.byAddresses(addresses) ??
        zone.byServerNames(authorities.names) ??
        zone.byServerAddresses(authorities.addresses),
    )
    return found && { ...found, name: last }
  }

  /** What the first zone says that has something to say. */
  private first(judge: (zone: PolicyZone) => Ruling | undefined): Ruling | undefined {
    for (const zone of this.zones) {
      const ruling = effective(judge(zone))
      if (ruling) return ruling
    }
    return undefined
  }
}

const NOBODY: Authorities = { names: [], addresses: [] }

/** A zone that is switched off decides nothing. */
function effective(ruling: Ruling | undefined): Ruling | undefined {
  return ruling?.action.kind === 'disabled' ? undefined : ruling
}
