import type { Ca } from '../../ca/ca.ts'
import type { Status } from '../../cli/replies.ts'
import type { Config } from '../../config/schema.ts'
import { VERSION } from '../../host/version.ts'
import type { Listeners } from '../listeners.ts'
import type { TrustKeeper } from '../resolver/trust.ts'
import type { Authority } from '../zones/authority.ts'

/** The daemon at a glance, but for what its upstreams do, which serving threads have to be asked for. */
export function describeStatus(of: {
  started: number
  ready: boolean
  config: Config
  configFile: string
  count: number
  authority: Authority
  listeners: Listeners
  ca: Ca | undefined
  trust: TrustKeeper
}): Status {
  const { config, ca } = of
  const listening = Object.entries(of.listeners.bound).filter(([, addresses]) => addresses.length > 0)
  return {
    version: VERSION,
    pid: process.pid,
    started: new Date(of.started).toISOString(),
    ready: of.ready,
    config: of.configFile,
    listen: Object.fromEntries(listening),
    workers: of.count,
    zones: [...of.authority.zones].length,
    ...(validates(config) && { validation: of.trust.report() }),
    ...(ca &&
      config.ca && {
        ca: {
          directory: `${config.ca.url.replace(/\/+$/, '')}/acme/directory`,
          root_sha256: colons(ca.rootFingerprint),
        },
      }),
  }
}

/** Whether any view has answers validated. */
export function validates({ views }: Pick<Config, 'views'>): boolean {
  return views.some(({ forward }) => forward.some(({ dnssec }) => dnssec === 'validate'))
}

/** "AB:CD:…", as humans compare it. */
function colons(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(':')
}
