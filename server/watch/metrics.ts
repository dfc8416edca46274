import { Gauge, type Registry } from 'prom-client'
import type { WatchReport } from './watch.ts'

/** What was seen from outside, as it was last. */
export function showWatch(registry: Registry, report: () => WatchReport): void {
  const registers = [registry]
  const ofLayer = { labelNames: ['name', 'port', 'layer'], registers }
  const ofSecondary = { labelNames: ['view', 'zone', 'secondary'], registers }
  new Gauge({
    name: 'namestead_probe_ok',
    help: 'Whether a layer of a probe holds; below one that does not, nothing is looked at',
    ...ofLayer,
    collect() {
      this.reset()
      for (const { name, port, layers } of report().probes)
        for (const { layer, ok } of layers) this.set({ name, port, layer }, ok ? 1 : 0)
    },
  })
  new Gauge({
    name: 'namestead_probe_seconds',
    help: 'How long a layer of a probe took',
    ...ofLayer,
    collect() {
      this.reset()
      for (const { name, port, layers } of report().probes)
        for (const { layer, milliseconds } of layers) this.set({ name, port, layer }, milliseconds / 1000)
    },
  })
  new Gauge({
    name: 'namestead_probe_certificate_expiry_timestamp_seconds',
    help: 'When the certificate ends that a probed name shows',
    labelNames: ['name', 'port'],
    registers,
    collect() {
      this.reset()
      for (const { name, port, ends } of report().probes) if (ends !== undefined) this.set({ name, port }, ends / 1000)
    },
  })
  new Gauge({
    name: 'namestead_zone_secondary_serial',
    help: 'Serial that a secondary serves',
    ...ofSecondary,
    collect() {
      this.reset()
      for (const { view, zone, secondary, serial } of report().secondaries)
        if (serial !== undefined) this.set({ view, zone, secondary }, serial)
    },
  })
  new Gauge({
    name: 'namestead_zone_secondary_up',
    help: 'Whether a secondary has answered with its SOA',
    ...ofSecondary,
    collect() {
      this.reset()
      for (const { view, zone, secondary, serial } of report().secondaries)
        this.set({ view, zone, secondary }, serial === undefined ? 0 : 1)
    },
  })
  new Gauge({
    name: 'namestead_zone_delegation_ok',
    help: '0 where the parent delegates the zone otherwise than the zone has it: NS, glue, DS; nothing where it could not be asked',
    labelNames: ['view', 'zone', 'parent'],
    registers,
    collect() {
      this.reset()
      for (const { view, zone, parent, problem, unknown } of report().delegations)
        if (unknown === undefined) this.set({ view, zone, parent }, problem === undefined ? 1 : 0)
    },
  })
}
