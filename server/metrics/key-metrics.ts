import { Counter, Gauge, type Registry } from 'prom-client'
import type { KeyUse } from '../requests/key-use.ts'

/** Shows how each TSIG key is used, each time that Prometheus asks; a thread that is replaced begins anew. */
export function showKeys(registry: Registry, uses: () => Promise<readonly KeyUse[]>): void {
  const ofKey = { labelNames: ['key'], registers: [registry] }
  new Counter({
    name: 'namestead_tsig_requests_total',
    help: 'Requests that a TSIG key signed, and that verified',
    ...ofKey,
    async collect() {
      this.reset()
      for (const { name: key, requests } of await uses()) this.inc({ key }, requests)
    },
  })
  new Counter({
    name: 'namestead_tsig_old_secret_requests_total',
    help: 'Of these the ones signed with a secret that is being rotated out',
    ...ofKey,
    async collect() {
      this.reset()
      for (const { name: key, oldRequests } of await uses()) this.inc({ key }, oldRequests)
    },
  })
  new Counter({
    name: 'namestead_tsig_failures_total',
    help: 'Requests in the name of a TSIG key that did not verify, by error',
    labelNames: ['key', 'error'],
    registers: [registry],
    async collect() {
      this.reset()
      for (const { name: key, failures } of await uses())
        for (const [error, count] of Object.entries(failures)) this.inc({ key, error }, count)
    },
  })
  new Gauge({
    name: 'namestead_tsig_last_use_timestamp_seconds',
    help: 'When a request that the TSIG key signed verified last',
    ...ofKey,
    async collect() {
      this.reset()
      for (const { name: key, last } of await uses()) if (last) this.set({ key }, last.at / 1000)
    },
  })
}
