import { Gauge, type Registry } from 'prom-client'
import type { Ca } from '../../ca/ca.ts'

/** What the CA knows of its certificates, asked for when Prometheus asks. */
export function showCa(registry: Registry, ca: Pick<Ca, 'inventory' | 'authorities'>): void {
  const registers = [registry]
  new Gauge({
    name: 'namestead_ca_certificates_ending',
    help: 'Certificates that end within so many days and have no successor; 0 is today',
    labelNames: ['days'],
    registers,
    async collect() {
      for (const [days, count] of await ca.inventory.counts()) this.set({ days }, count)
    },
  })
  new Gauge({
    name: 'namestead_ca_expiry_timestamp_seconds',
    help: 'When the root, the intermediate that signs now, former roots and cross certificates expire',
    labelNames: ['issuer', 'role', 'subject', 'fingerprint'],
    registers,
    collect() {
      this.reset()
      for (const { issuer, role, subject, fingerprint, notAfter } of ca.authorities())
        this.set({ issuer, role: role.replace(' ', '_'), subject, fingerprint }, notAfter / 1000)
    },
  })
}
