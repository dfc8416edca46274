import type { IssuePolicies, Requester, ViewPolicy } from '../../cli/replies.ts'
import { type Prefix, printAddress, printPrefix, printSocketAddress } from '../../config/address.ts'
import type { Config, ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { printForwarder } from '../../config/upstream.ts'
import { type Name, printName } from '../../dns/name.ts'
import { typeName } from '../../dns/types.ts'
import { requireAll } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { described } from './resources.ts'

/** Who may do what, as the configuration says it: for whoever has a token for everything. */
export function viewResourceRoutes(scope: ApiScope, { config }: ApiContext): void {
  scope.get(
    '/api/v1/views',
    {
      schema: described(
        'daemon',
        'The views: for whom they are, what they forward, who may change and transfer their zones',
        {},
      ),
    },
    async request => {
      requireAll(request, 'read')
      return config().views.map(describeView)
    },
  )
  scope.get('/api/v1/policies', { schema: described('ca', 'Who may have which certificate', {}) }, async request => {
    requireAll(request, 'read')
    return describeIssuing(config())
  })
}

function describeView({ name, match, recursion, refuse, forward, zones }: ViewConfig): ViewPolicy {
  return {
    name,
    match: {
      clients: printClients(match.clients),
      keys: match.keys.map(printName),
      destinations:
        match.destinations?.map(({ bytes, port }) => `${printAddress(bytes)}${port ? `:${port}` : ''}`) ?? [],
      ...(match.doh_path !== undefined && { doh_path: match.doh_path }),
    },
    recursion: printClients(recursion),
    refuse: printClients(refuse),
    forward: forward.map(({ zone, to, dnssec }) => ({
      ...{ zone: printName(zone), dnssec },
      to: to.map(forwarder => printForwarder(forwarder)),
    })),
    zones: zones.map(describeZone),
  }
}

function describeZone({ name, update, transfer, notify }: ZoneConfig): ViewPolicy['zones'][number] {
  return {
    zone: printName(name),
    update: update.map(rule => ({
      ...whoOf(rule),
      names: rule.names.map(({ text }) => text),
      types: rule.types?.map(typeName) ?? [],
      own: rule.own,
    })),
    transfer: transfer.map(whoOf),
    notify: notify.map(({ address }) => printSocketAddress(address)),
  }
}

function whoOf({ key, from }: { key?: Name | undefined; from?: Prefix[] | undefined }): Requester {
  return { ...(key && { key: printName(key) }), ...(from && { from: printClients(from) }) }
}

/** As the configuration has it: everybody is "any". */
function printClients(prefixes: readonly Prefix[] = EVERYBODY): string[] {
  return EVERYBODY.every(all => prefixes.some(({ length, bytes }) => length === 0 && bytes.length === all.bytes.length))
    ? ['any']
    : prefixes.map(printPrefix)
}

const EVERYBODY: readonly Prefix[] = [4, 16].map(octets => ({ bytes: new Uint8Array(octets), length: 0 }))

function describeIssuing({ ca }: Config): IssuePolicies {
  if (!ca) return { issue: [], profiles: [] }
  return {
    issue: ca.issue.map(rule => ({ ...rule, names: rule.names.map(({ text }) => text) })),
    profiles: ca.profiles,
  }
}
