import { catalog, catalogOf, complaintOfCatalog } from './catalog-schema.ts'
import { dnssec } from './dnssec-schema.ts'
import { shownName } from './findings.ts'
import { type Decoded, defaulted, list, optional, record, required } from './kinds.ts'
import { primaryServer, remoteServer, transferRule } from './transfer-schema.ts'
import { recordType, updateRule } from './update-schema.ts'
import { choice, domainName, duration, file, flag, namePattern, range, reference } from './values.ts'

const showRule = record({
  names: required(list(namePattern, { nonEmpty: true }), 'the owners that are shown'),
  types: optional(list(recordType, { nonEmpty: true }), 'the types that are shown; left out: all'),
  wildcards: defaulted(flag, false, 'whether it covers wildcard owners (`*.x`); the pattern `**` does anyway'),
})
/** What an overlay shows of its base. */
export type ShowRule = Decoded<typeof showRule>

const durationRange = range(duration, '[least, most] as durations')

const zoneFields = {
  name: required(domainName, 'the zone apex'),
  type: defaulted(
    choice('primary', 'secondary'),
    'primary',
    'whether its content is ours or transferred from `primaries`',
  ),
  file: optional(
    file,
    'its master file; of a dynamic zone the human baseline, changes of which are applied at start and reload',
  ),
  dynamic: defaulted(flag, false, 'whether it takes updates (RFC 2136)'),
  update: defaulted(
    list(updateRule),
    [],
    'who may change what; nothing is allowed unless a rule says so, the first that fits decides; of a secondary: whose updates are forwarded to its primaries, left out: those signed with any key that verifies',
  ),
  reserved: optional(list(namePattern), 'names that no update may touch, whatever the rules'),
  transfer: defaulted(list(transferRule), [], 'who may have the whole zone (AXFR); nobody unless a rule says so'),
  notify: defaulted(list(remoteServer), [], 'servers that are told of each change (RFC 1996)'),
  dnssec: optional(dnssec, 'DNSSEC'),
  delegated: optional(
    flag,
    'whether a parent that is not served in the view has to delegate it, as the zone itself has it: NS, glue and DS are compared every hour (`namestead probe`)',
  ),
  ptr_from: optional(list(domainName), 'zones whose A and AAAA records are kept as PTR records here'),
  primaries: optional(list(primaryServer, { nonEmpty: true }), 'of a secondary: the servers it is transferred from'),
  catalog: optional(
    catalog,
    'of a secondary: it is a catalog (RFC 9432), whose member zones are served as secondary zones of the view',
  ),
  catalog_of: optional(
    catalogOf,
    'makes it a catalog (RFC 9432) of zones of the view, for secondaries that configure themselves by it',
  ),
  refresh: defaulted(
    durationRange,
    ['5s', '28d'],
    'of a secondary: how often its primaries are asked, at most and at least, whatever its SOA says',
  ),
  retry: defaulted(durationRange, ['5s', '28d'], 'of a secondary: the same where none of them has answered'),
  overlay_of: optional(reference('views', 'view'), 'the view whose zone of this name is the base of this one'),
  show: optional(list(showRule), 'of an overlay: what it shows of its base'),
  hide_private: defaulted(flag, false, 'of an overlay: whether private addresses are left out'),
  also_update: optional(
    list(reference('views', 'view')),
    'views whose zones of this name take each update as well, all or none',
  ),
}

/** A zone as it stands in a view. */
export const zone = record(zoneFields, zone => {
  const name = shownName(zone.name)
  if (zone.type === 'secondary' && zone.dnssec?.sign)
    return `the secondary zone ${name} can not be signed here: its primary signs it`
  if (zone.type === 'secondary' && zone.catalog_of)
    return `the secondary zone ${name} can not list zones: catalog_of is for a primary`
  if (zone.type === 'secondary')
    return zone.primaries ? undefined : `the secondary zone ${name} needs primaries: the servers it is transferred from`
  if (zone.primaries) return `the zone ${name} has primaries but is not of type secondary`
  if (zone.catalog) return `the zone ${name} has catalog but is not of type secondary; a primary has catalog_of`
  if (zone.catalog_of) return complaintOfCatalog(zone)
  if (zone.show && !zone.overlay_of) return `the zone ${name} has show but not overlay_of`
  if (zone.dynamic && zone.overlay_of)
    return `the zone ${name} is an overlay and takes no updates: dynamic goes to its base`
  if (!zone.file && !zone.dynamic && !zone.overlay_of) return `the zone ${name} needs a file, or dynamic: true`
  return undefined
})
/** A zone that a view is authoritative for. */
export type ZoneConfig = Decoded<typeof zone>
