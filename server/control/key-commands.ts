import type { KeyUse as ShownUse, TsigKey } from '../../cli/replies.ts'
import type { Config, ZoneConfig } from '../../config/schema.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { KeyUse, Moment } from '../requests/key-use.ts'
import type { Command } from './control.ts'

/** `keys`: the TSIG keys of the configuration, what they are for, and what became of requests in their names. */
export function keyCommands(config: () => Config, uses: () => Promise<readonly KeyUse[]>): Record<string, Command> {
  return {
    keys: async () => {
      const seen = new Map((await uses()).map(use => [use.name.toLowerCase(), use]))
      const { keys, views } = config()
      return keys.map(
        ({ name, algorithm, secret }): TsigKey => ({
          ...{ name: printName(name), algorithm, secrets: secret.length },
          zones: views.flatMap(view =>
            view.zones.flatMap(zone => {
              const purposes = purposesOf(zone, name)
              return purposes.length > 0 ? [{ view: view.name, zone: printName(zone.name), for: purposes }] : []
            }),
          ),
          views: views.filter(({ match }) => match.keys.some(key => equalNames(key, name))).map(view => view.name),
          ...describeUse(seen.get(printName(name).toLowerCase())),
        }),
      )
    },
  }
}

function purposesOf({ update, transfer, notify, primaries = [] }: ZoneConfig, name: Name) {
  const rules = { update, transfer, notify, primary: primaries }
  const purposes = Object.keys(rules) as (keyof typeof rules)[]
  return purposes.filter(purpose => rules[purpose].some(({ key }) => key && equalNames(key, name)))
}

function describeUse(use: KeyUse | undefined) {
  const { requests = 0, oldRequests = 0, failures = {}, last, lastOld, lastFailure } = use ?? {}
  return {
    requests,
    ...(last && { last_use: describeMoment(last) }),
    old_secret: { requests: oldRequests, ...(lastOld && { last_use: describeMoment(lastOld) }) },
    failures,
    ...(lastFailure && { last_failure: describeMoment(lastFailure) }),
  }
}

function describeMoment({ at, from }: Moment): ShownUse {
  return { at: new Date(at).toISOString(), from }
}
