import { type Name, printName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { BindKeyError, readBindKeys } from '../../zones/keys/bind.ts'
import { KeyRequestError, type KeyRing } from '../../zones/keys/keys.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import { describeDnssec } from '../zones/zone-dnssec.ts'
import { isSecondary, type ServedZone, type Zones } from '../zones/zones.ts'
import { type Command, CommandError } from './control.ts'

/** What the commands about keys act on. */
export interface DnssecCommandDeps {
  zones: Zones
  clock: Clock
  zoneOf: (args: Record<string, unknown>) => ServedZone
  versionOf: (zone: ServedZone) => ZoneVersion
  originOf: (args: Record<string, unknown>) => Name
}

/** RFC 6781 §3.4.1 and BIND's own default: how long DNSKEYs are remembered where their files do not say. */
const USUAL_KEY_TTL = 86_400

/** The commands of the control socket about keys. All views with a zone of one name share its keys. */
export function dnssecCommands({ zones, clock, zoneOf, versionOf, originOf }: DnssecCommandDeps) {
  const ringOf = (origin: Name): KeyRing => {
    for (const zone of zones.named(origin)) if (!isSecondary(zone) && zone.keyRing) return zone.keyRing
    throw new CommandError(`no zone ${printName(origin)} is signed here`)
  }
  const change =
    (task: (ring: KeyRing, args: Record<string, unknown>) => Promise<void>): Command =>
    async args => {
      const ring = ringOf(originOf(args))
      await task(ring, args).catch(error => Promise.reject(operatorError(error)))
      return { zone: printName(ring.origin), keys: ring.keys.map(({ keyTag }) => keyTag) }
    }
  return {
    'zone.dnssec': async args => {
      const zone = zoneOf(args)
      const ring = isSecondary(zone) ? undefined : zone.keyRing
      const described = await describeDnssec(versionOf(zone), ring, clock.now())
      return { zone: printName(zone.origin), view: zone.view, ...described }
    },
    'zone.dnssec.rollover': change((ring, { key }) => ring.rollover(key === undefined ? undefined : Number(key))),
    'zone.dnssec.ds-seen': change(ring => ring.dsSeen()),
    'zone.dnssec.import': change(async (ring, args) => {
      const files = (args['files'] ?? []) as { name: string; text: string }[]
      const { keys, ttl } = readBindKeys(files, ring.origin, clock.now())
      await ring.adopt(keys, ttl ?? USUAL_KEY_TTL)
    }),
  } satisfies Record<string, Command>
}

function operatorError(error: unknown): unknown {
  if (error instanceof BindKeyError) return new CommandError(error.message, 2)
  return error instanceof KeyRequestError ? new CommandError(error.message) : error
}
