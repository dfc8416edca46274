import { Type as T } from 'typebox'
import { dnssecAlgorithm } from '../../../dns/algorithms.ts'
import { dsRdata, KeyFlag, keyTag } from '../../../dns/dnssec.ts'
import { printRdata, readRdata, Type } from '../../../dns/types.ts'
import type { KeyRing } from '../../../zones/keys/keys.ts'
import { isInUse } from '../../../zones/keys/state.ts'
import { isSecondary, type ServedZone } from '../../zones/zones.ts'
import { requireRole } from '../authenticate.ts'
import { type ApiContext, zoneOf } from '../context.ts'
import type { ApiScope } from '../openapi.ts'
import { ApiError } from '../problem.ts'
import { ZoneParams } from './schemas.ts'

const Cryptokey = T.Object(
  {
    type: T.Literal('Cryptokey'),
    id: T.Integer({ description: 'the key tag' }),
    keytype: T.Enum(['csk', 'ksk', 'zsk']),
    active: T.Boolean(),
    published: T.Boolean(),
    dnskey: T.String(),
    ds: T.Optional(T.Array(T.String())),
    algorithm: T.String(),
    flags: T.Integer(),
  },
  { title: 'Cryptokey' },
)
const KeyParams = T.Object({ ...ZoneParams.properties, key: T.Integer() })

/** The keys of a signed zone, without their private halves. They are made and rolled as the configuration says. */
export function cryptokeyRoutes(scope: ApiScope, context: ApiContext): void {
  const path = '/api/v1/servers/:server/zones/:zone/cryptokeys'
  const tags = ['zones']
  const keysOf = (zone: ServedZone) => {
    const ring = isSecondary(zone) ? undefined : zone.keyRing
    const published = zone.image?.latest().rrset(zone.origin, Type.DNSKEY)?.rdatas ?? []
    return published.map(dnskey => describeKey(zone, dnskey, ring))
  }

  scope.get(
    path,
    {
      schema: {
        ...{ tags, summary: 'The keys (RFC 4034 §2)', params: ZoneParams },
        response: { 200: T.Array(Cryptokey) },
      },
    },
    async request => keysOf(zoneOf(context, request, request.params.server, request.params.zone)),
  )
  scope.get(
    `${path}/:key`,
    { schema: { ...{ tags, summary: 'One key', params: KeyParams }, response: { 200: Cryptokey } } },
    async request => {
      const keys = keysOf(zoneOf(context, request, request.params.server, request.params.zone))
      const found = keys.find(({ id }) => id === request.params.key)
      if (!found) throw new ApiError(404, `the zone has no key ${request.params.key}`)
      return found
    },
  )
  for (const [method, url] of [
    ['POST', path],
    ['PUT', `${path}/:key`],
    ['DELETE', `${path}/:key`],
  ] as const)
    scope.route({
      ...{ method, url },
      schema: { tags, summary: 'Refused: keys are made and rolled as the configuration of the zone says' },
      async handler(request) {
        requireRole(request, 'admin')
        const { server, zone } = request.params as { server: string; zone: string }
        zoneOf(context, request, server, zone)
        throw new ApiError(422, 'keys are made and rolled as "dnssec" of the zone says: change it in the configuration')
      },
    })
}

function describeKey(zone: ServedZone, dnskey: Uint8Array, ring: KeyRing | undefined) {
  const { flags, algorithm } = readRdata('DNSKEY', dnskey)
  const own = ring?.keys.find(key => Buffer.compare(key.dnskey, dnskey) === 0)
  const entry = (flags & KeyFlag.SEP) !== 0
  const digests = [2, 4].flatMap(type => dsRdata(zone.origin, dnskey, type) ?? [])
  return {
    type: 'Cryptokey' as const,
    id: keyTag(dnskey),
    keytype: own?.role ?? (entry ? ('ksk' as const) : ('zsk' as const)),
    ...{ active: own !== undefined && isInUse(own), published: true },
    dnskey: printRdata(Type.DNSKEY, dnskey),
    ...(entry && { ds: digests.map(rdata => printRdata(Type.DS, rdata)) }),
    algorithm: dnssecAlgorithm(algorithm)?.mnemonic ?? String(algorithm),
    flags,
  }
}
