import type { ViewConfig } from '../../config/schema.ts'
import { equalNames, isSubdomain, type Name } from '../../dns/name.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { Follower } from '../write/pipeline.ts'
import { PTR_HOLDER, PtrFollower } from './ptr.ts'
import type { SourceZone } from './source.ts'

/** A zone that others may follow, or that follows others. */
export interface LinkedZone extends SourceZone {
  readonly overlay?: Overlay | undefined
}

/** Which zones change along with which. */
export class Links {
  private readonly followers = new Map<LinkedZone, Follower[]>()
  private readonly overlays: { base: LinkedZone; overlay: Overlay }[] = []
  private readonly reverses: { sources: readonly LinkedZone[]; ptr: PtrFollower }[] = []

  /** `find` gives the zones that are loaded. */
  constructor(
    views: readonly ViewConfig[] = [],
    find: (view: string, origin: Name) => LinkedZone | undefined = () => undefined,
  ) {
    for (const { name: view, zones } of views)
      for (const config of zones) {
        const zone = find(view, config.name)
        const base = config.overlay_of !== undefined && find(config.overlay_of, config.name)
        if (zone?.overlay && base) this.lay(zone.overlay, base)
        if (!zone?.pipeline || !config.dynamic) continue
        const sources = (config.ptr_from ?? []).flatMap(origin => find(view, origin) ?? [])
        const below = zones.filter(({ name }) => isSubdomain(name, config.name) && !equalNames(name, config.name))
        if (sources.length > 0 || hasDerived(zone))
          this.reverse(
            zone,
            sources,
            below.map(({ name }) => name),
          )
      }
  }

  private lay(overlay: Overlay, base: LinkedZone): void {
    this.overlays.push({ base, overlay })
    this.add(base, overlay)
  }

  private reverse(zone: LinkedZone, sources: readonly LinkedZone[], below: readonly Name[]): void {
    const ptr = new PtrFollower(zone, sources, below)
    this.reverses.push({ sources, ptr })
    if (sources.length > 0) this.add(zone, ptr.hands)
    for (const source of sources) this.add(source, ptr.addresses)
  }

  private add(zone: LinkedZone, follower: Follower): void {
    const known = this.followers.get(zone)
    if (known) known.push(follower)
    else this.followers.set(zone, [follower])
  }

  /** Those that change along with the zone. */
  of(zone: LinkedZone): readonly Follower[] {
    return this.followers.get(zone) ?? []
  }

  /** Brings every zone that follows others into step with them, overlays first; or those that follow this one. */
  async synchronize(followed?: LinkedZone): Promise<void> {
    for (const { base, overlay } of this.overlays) if (!followed || base === followed) await overlay.synchronize()
    for (const { sources, ptr } of this.reverses) if (!followed || sources.includes(followed)) await ptr.synchronize()
  }
}

/** Whether the zone has PTR records of ours, though it may follow no other any more. */
function hasDerived({ pipeline }: LinkedZone): boolean {
  return pipeline?.holders.hasHolder(PTR_HOLDER) ?? false
}
