import { Rcode } from '../../dns/codes.ts'
import { equalNames, nameKey, printName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { ALIAS_HOLDER, type Alias, aliasesOf, flatten, withoutOrphans } from '../../zones/derived/alias.ts'
import { PrimaryZone } from '../../zones/primary.ts'
import { inquire } from '../requests/inquire.ts'
import type { ServingView } from '../requests/state.ts'
import type { ServedZone } from './zones.ts'

/** What a target is now; undefined where nobody can say. */
interface Resolved {
  addresses: Uint8Array[]
  /** Until it may be something else. */
  seconds: number
}

/** Seconds between two looks at a target, at least and at most, and after one that failed. */
const SOONEST = 30
const LATEST = 3600
const RETRY = 30

export interface AliasKeeperOptions {
  /** The view of that name, as it answers clients. */
  view: (name: string) => ServingView | undefined
  clock: Clock
  log: Log
}

/**
 * Keeps the addresses that stand in for ALIAS records in step with their targets: resolved in the zone's view, written through the zone's own
 * writer (so they are journaled, signed, transferred), and looked at anew when their TTL has passed. What can't be resolved stays as it was.
 */
export class AliasKeeper {
  private readonly options: AliasKeeperOptions
  /** By zone, then by owner. */
  private readonly kept = new Map<PrimaryZone, Map<string, Kept>>()
  private closed = false

  constructor(options: AliasKeeperOptions) {
    this.options = options
  }

  /** Follows exactly these zones from now on. */
  follow(zones: Iterable<ServedZone>): void {
    const now = new Set([...zones].filter(zone => zone instanceof PrimaryZone))
    for (const zone of this.kept.keys()) if (!now.has(zone)) this.forget(zone)
    for (const zone of now) this.look(zone)
  }

  /** The zone's ALIAS records may have changed. */
  look(zone: ServedZone): void {
    if (this.closed || !(zone instanceof PrimaryZone)) return
    const aliases = aliasesOf(zone.contents)
    if (!zone.config.dynamic) {
      if (aliases.length > 0) this.warnOf(zone)
      return
    }
    const before = this.kept.get(zone)
    if (aliases.length === 0 && !before && !mayHaveOrphans(zone)) return
    const now = new Map<string, Kept>()
    for (const alias of aliases) {
      const known = before?.get(nameKey(alias.owner))
      now.set(nameKey(alias.owner), known && isSame(known.alias, alias) ? known : { alias, timer: undefined })
    }
    this.kept.set(zone, now)
    for (const [owner, kept] of before ?? []) if (now.get(owner) !== kept) kept.timer?.cancel()
    void this.write(zone, (tip, holders) => withoutOrphans(tip, holders))
    for (const kept of now.values()) if (!kept.timer) this.schedule(zone, kept, 0)
  }

  close(): void {
    this.closed = true
    for (const zone of [...this.kept.keys()]) this.forget(zone)
  }

  private forget(zone: PrimaryZone): void {
    for (const { timer } of this.kept.get(zone)?.values() ?? []) timer?.cancel()
    this.kept.delete(zone)
  }

  private schedule(zone: PrimaryZone, kept: Kept, seconds: number): void {
    kept.timer = this.options.clock.after(seconds * 1000, () => void this.refresh(zone, kept))
  }

  private async refresh(zone: PrimaryZone, kept: Kept): Promise<void> {
    const { alias } = kept
    const resolved = await this.resolve(zone, alias).catch(() => undefined)
    if (resolved) await this.write(zone, (tip, holders) => flatten(tip, holders, alias, resolved.addresses))
    else this.options.log.warn(fieldsOf(zone, alias), 'the target of an ALIAS could not be resolved')
    const current = this.kept.get(zone)?.get(nameKey(alias.owner)) === kept
    if (!this.closed && current) this.schedule(zone, kept, resolved ? resolved.seconds : RETRY)
  }

  private async resolve(zone: PrimaryZone, { target }: Alias): Promise<Resolved | undefined> {
    const view = this.options.view(zone.view)
    if (!view) return undefined
    const types = [Type.A, Type.AAAA]
    const ask = (type: number) => inquire(view, target, type, { recursive: true, client: ALIAS_HOLDER })
    const answers = (await Promise.all(types.map(ask))).map(({ message }) => message)
    if (answers.some(({ rcode }) => rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN)) return undefined
    const records = answers.flatMap(({ answer }) => answer)
    const ttls = records.map(({ ttl }) => ttl)
    return {
      addresses: records.filter(({ type }) => types.some(wanted => wanted === type)).map(({ rdata }) => rdata),
      seconds: Math.max(SOONEST, Math.min(LATEST, ...ttls)),
    }
  }

  private async write(zone: PrimaryZone, decide: Parameters<PrimaryZone['write']>[1]): Promise<void> {
    try {
      await zone.write({ key: undefined, source: ALIAS_HOLDER }, decide)
    } catch (error) {
      this.options.log.warn({ zone: printName(zone.origin), error: String(error) }, 'an ALIAS could not be written')
    }
  }

  private warnOf(zone: PrimaryZone): void {
    this.options.log.warn(
      { zone: printName(zone.origin), view: zone.view },
      'the zone has ALIAS records and is not dynamic: they get no addresses',
    )
  }
}

interface Kept {
  alias: Alias
  timer: Timer | undefined
}

function isSame(a: Alias, b: Alias): boolean {
  return a.ttl === b.ttl && equalNames(a.target, b.target)
}

/** Whether a zone without aliases may have addresses of some that are gone: one that keeps who holds what. */
function mayHaveOrphans(zone: PrimaryZone): boolean {
  return zone.pipeline?.holders.hasHolder(ALIAS_HOLDER) ?? false
}

function fieldsOf(zone: PrimaryZone, { owner, target }: Alias): object {
  return { zone: printName(zone.origin), view: zone.view, owner: printName(owner), target: printName(target) }
}
