import type { Ca } from '../../ca/ca.ts'
import type { Situation } from '../../cli/replies.ts'
import { printName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { ResolverReport } from '../threads/report.ts'
import { isSecondary, type Zones } from '../zones/zones.ts'

/** What a situation is gathered from. */
export interface SituationDeps {
  zones: Zones
  report: () => Promise<ResolverReport>
  ca: Pick<Ca, 'inventory' | 'authorities' | 'commands'> | undefined
  lastBackup: () => number | undefined
  clock: Clock
}

const DAY = 86_400_000
/** Certificates that end within so many days are shown, so many of them. */
const ENDING = { days: 90, most: 8 }
const MOST_UNSERVED = 20

export async function describeSituation(deps: SituationDeps): Promise<Situation> {
  const { zones, report, ca, lastBackup, clock } = deps
  const { counters, upstreams, top } = await report()
  const backup = lastBackup()
  return {
    at: new Date(clock.now()).toISOString(),
    zones: describeZones(zones),
    ...{ upstreams, resolver: counters, top },
    ...(ca && { ca: await describeCa(ca, clock.now()) }),
    ...(backup !== undefined && { backup: new Date(backup).toISOString() }),
  }
}

function describeZones(zones: Zones): Situation['zones'] {
  const found: Situation['zones'] = { all: 0, records: 0, signed: 0, unserved: [] }
  for (const zone of zones) {
    found.all++
    found.records += zone.image?.latest().size() ?? 0
    if (!isSecondary(zone) && zone.signed) found.signed++
    if (zone.image || found.unserved.length >= MOST_UNSERVED) continue
    const expired = isSecondary(zone) && zone.status.checked !== undefined
    found.unserved.push({
      view: zone.view,
      zone: printName(zone.origin),
      why: expired ? 'expired' : isSecondary(zone) ? 'never transferred' : 'its base has nothing to be served',
    })
  }
  return found
}

async function describeCa(ca: NonNullable<SituationDeps['ca']>, now: number): Promise<NonNullable<Situation['ca']>> {
  const [ending, day, waiting] = await Promise.all([
    ca.inventory.list(ENDING.days, 10 * ENDING.most),
    ca.commands['ca.activity']!({ since: now - DAY }) as Promise<Record<string, number>>,
    ca.commands['ca.approvals']!({}) as Promise<unknown[]>,
  ])
  const open = ending.filter(({ replaced_by: successor }) => successor === undefined).slice(0, ENDING.most)
  return {
    day,
    ending: open.map(({ serial, names, not_after, failure }) => ({
      ...{ serial, names, not_after },
      ...(failure && { failure: failure.detail }),
    })),
    waiting: waiting.length,
    authorities: ca.authorities().map(({ issuer, role, notAfter }) => ({
      ...{ issuer, role, not_after: new Date(notAfter).toISOString() },
    })),
  }
}
