import type { Name } from '../dns/name.ts'
import { shownName } from './findings.ts'
import { type Decoded, defaulted, list, mapped, optional, record, required } from './kinds.ts'
import { primaryServer, remoteServer, transferRule } from './transfer-schema.ts'
import { domainName, namePattern, text } from './values.ts'

/** RFC 9432 §4.4.2: one string of a TXT record. */
const groupName = mapped(text, value => {
  const octets = Buffer.byteLength(value)
  if (octets === 0 || octets > 255) throw new Error(`a group has 1 to 255 octets, not ${octets}`)
  return value
})

const memberSettings = {
  primaries: optional(
    list(primaryServer, { nonEmpty: true }),
    'the servers that they are transferred from; left out: those of the catalog',
  ),
  transfer: optional(list(transferRule), 'who may have them whole; nobody unless a rule says so'),
  notify: optional(list(remoteServer), 'servers that are told of each change of them'),
}

export const catalog = record({
  ...memberSettings,
  groups: defaulted(
    list(
      record({
        name: required(groupName, 'the value of the `group` property'),
        ...memberSettings,
      }),
      { unique: one => one.name },
    ),
    [],
    'settings of members of a group, before those above; where a member has several groups, the first that is listed here counts',
  ),
})
/** How the member zones of a catalog are served. */
export type CatalogConfig = Decoded<typeof catalog>

export const catalogOf = record({
  zones: defaulted(
    list(namePattern, { nonEmpty: true }),
    ['**'],
    'which zones of the view it lists; catalogs are left out',
  ),
  groups: defaulted(
    list(
      record({
        name: required(groupName, 'the value of the `group` property'),
        zones: required(list(namePattern, { nonEmpty: true }), 'the zones that it is for'),
      }),
    ),
    [],
    'what else it says of them, for its consumers to choose settings by',
  ),
  moved: defaulted(
    list(
      record({
        zones: required(list(namePattern, { nonEmpty: true }), 'the zones that go'),
        to: required(domainName, 'the catalog that they go to'),
      }),
    ),
    [],
    'zones that another catalog takes over (the `coo` property)',
  ),
})
/** Which zones of its view a catalog lists. */
export type CatalogOfConfig = Decoded<typeof catalogOf>

/** Octets of a catalog's name that leave room for the nodes below it. */
const LONGEST_CATALOG = 200

/** What a catalog says is ours alone. */
export function complaintOfCatalog({ name, ...zone }: { name: Name } & Record<string, unknown>): string | undefined {
  const other = (['file', 'dynamic', 'dnssec', 'overlay_of', 'ptr_from', 'also_update'] as const).find(key => zone[key])
  if (other) return `the zone ${shownName(name)} is a catalog, which is made here: ${other} is not for it`
  return name.length > LONGEST_CATALOG ? `the name ${shownName(name)} is too long for a catalog` : undefined
}
