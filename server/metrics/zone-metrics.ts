import { Counter, Gauge, type Registry } from 'prom-client'
import { printName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { SignatureEnds } from '../zones/signature-ends.ts'
import { isSecondary, type Zones } from '../zones/zones.ts'

const labelNames = ['view', 'zone']

/** What the main thread knows of the zones, asked for when Prometheus asks. */
export function showZones(registry: Registry, zones: Zones, clock: Clock): void {
  const registers = [registry]
  new Gauge({
    name: 'namestead_zone_serial',
    help: 'Serial of the zone',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { view, origin, image } of zones)
        if (image) this.set({ view, zone: printName(origin) }, image.latest().serial())
    },
  })
  new Gauge({
    name: 'namestead_zone_records',
    help: 'Records of the zone',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { view, origin, image } of zones)
        if (image) this.set({ view, zone: printName(origin) }, image.latest().size())
    },
  })
  new Gauge({
    name: 'namestead_zone_served',
    help: '1 where the zone is answered, 0 where it has nothing to serve or has expired',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { view, origin, image } of zones) this.set({ view, zone: printName(origin) }, image ? 1 : 0)
    },
  })
  const signatures = new SignatureEnds(clock)
  new Gauge({
    name: 'namestead_zone_signatures_expire_timestamp_seconds',
    help: 'When the first signature of a signed zone ends, whoever made it',
    labelNames,
    registers,
    async collect() {
      this.reset()
      for (const zone of zones) {
        const ends = await signatures.of(zone)
        if (ends) this.set({ view: zone.view, zone: printName(zone.origin) }, ends.first / 1000)
      }
    },
  })
  new Gauge({
    name: 'namestead_secondary_checked_timestamp_seconds',
    help: 'When the zone was last known to be what its primaries have',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const zone of zones) {
        const checked = isSecondary(zone) ? zone.status.checked : undefined
        if (checked !== undefined) this.set({ view: zone.view, zone: printName(zone.origin) }, checked / 1000)
      }
    },
  })
  new Gauge({
    name: 'namestead_secondary_expires_timestamp_seconds',
    help: 'When the zone is not served any more, if no primary is reached until then',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const zone of zones) {
        const expires = isSecondary(zone) ? zone.status.expires : undefined
        if (expires !== undefined) this.set({ view: zone.view, zone: printName(zone.origin) }, expires / 1000)
      }
    },
  })
  new Counter({
    name: 'namestead_zone_transfers_in_total',
    help: 'Transfers from primaries: taken over, not to be had, refused for what they brought',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(zones.transfersIn)) this.inc({ result }, count)
    },
  })
}
