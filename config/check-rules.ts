import { equalNames, isSubdomain, type Name, parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { type Say, shownName } from './findings.ts'
import { mayMatchBelow } from './pattern.ts'
import type { Config, TransferRule, ViewConfig, ZoneConfig } from './schema.ts'

/** What ExternalDNS leads names to addresses by. */
const ADDRESSING: readonly number[] = [Type.A, Type.AAAA, Type.CNAME]

/** What a zone says of other zones, and whether its rules do what they seem to. */
export function checkZone(
  config: Config,
  view: ViewConfig,
  zone: ZoneConfig,
  path: readonly (string | number)[],
  refuse: Say,
  doubt: Say,
): void {
  const about: Say = (rest, message) => doubt([...path, ...rest], `${shownName(zone.name)} ${message}`)
  checkOverlay(config, view, zone, path, refuse)
  checkAlsoUpdate(config, zone, path, refuse)
  checkReverse(view, zone, path, refuse)
  checkUpdateRules(zone, about)
  if (staysEmpty(config, zone)) about([], 'is dynamic but has neither a file nor update rules: it stays empty')
  for (const [i, rule] of zone.transfer.entries())
    if (isOpen(rule)) about(['transfer', i], 'may be transferred by everybody')
}

function checkOverlay(
  config: Config,
  view: ViewConfig,
  zone: ZoneConfig,
  path: readonly (string | number)[],
  refuse: Say,
): void {
  if (zone.overlay_of === undefined) return
  const at = [...path, 'overlay_of']
  const base = zoneIn(config, zone.overlay_of, zone.name)
  if (zone.overlay_of === view.name) refuse(at, 'a zone can not be an overlay of its own view')
  else if (!base) refuse(at, `the view ${zone.overlay_of} has no zone ${shownName(zone.name)}`)
  else if (base.overlay_of) refuse(at, `the zone in ${zone.overlay_of} is itself an overlay`)
}

const REVERSE = ['in-addr.arpa.', 'ip6.arpa.'].map(text => parseName(text))

function checkReverse(view: ViewConfig, zone: ZoneConfig, path: readonly (string | number)[], refuse: Say): void {
  if (!zone.ptr_from) return
  const at = [...path, 'ptr_from']
  if (!zone.dynamic) refuse(at, `PTR records are kept in dynamic zones: ${shownName(zone.name)} needs dynamic: true`)
  else if (!REVERSE.some(arpa => isSubdomain(zone.name, arpa)))
    refuse(at, `${shownName(zone.name)} is neither below in-addr.arpa nor below ip6.arpa`)
  for (const [i, source] of zone.ptr_from.entries())
    if (!view.zones.some(one => equalNames(one.name, source)))
      refuse([...at, i], `the view ${view.name} has no zone ${shownName(source)}`)
}

function checkAlsoUpdate(config: Config, zone: ZoneConfig, path: readonly (string | number)[], refuse: Say): void {
  for (const [i, name] of (zone.also_update ?? []).entries()) {
    const other = zoneIn(config, name, zone.name)
    const at = [...path, 'also_update', i]
    if (!other) refuse(at, `the view ${name} has no zone ${shownName(zone.name)}`)
    else if (other === zone) refuse(at, 'a zone is updated in its own view anyway')
    else if (!other.dynamic) refuse(at, `the zone in ${name} is not dynamic`)
  }
}

function zoneIn(config: Config, view: string, name: Name): ZoneConfig | undefined {
  return config.views.find(one => one.name === view)?.zones.find(zone => equalNames(zone.name, name))
}

function writesAddresses({ types }: ZoneConfig['update'][number]): boolean {
  return types === undefined || ADDRESSING.some(type => types.includes(type))
}

function checkUpdateRules(zone: ZoneConfig, about: Say): void {
  if (zone.update.length > 0 && !zone.dynamic && zone.type === 'primary')
    about(['update'], 'has update rules but is not dynamic: it takes no updates')
  for (const [i, rule] of zone.update.entries()) {
    // ExternalDNS reads the zone that it writes to; who writes texts alone, as ACME clients do, does not.
    if (writesAddresses(rule) && !zone.transfer.some(one => mayTransfer(one, rule.key)))
      about(
        ['update', i, 'key'],
        `may be updated but not transferred by ${shownName(rule.key)}: ExternalDNS needs both`,
      )
    for (const [j, pattern] of rule.names.entries())
      if (!pattern.relative && !mayMatchBelow(pattern, zone.name))
        about(['update', i, 'names', j], `holds no name that "${pattern.text}" fits`)
  }
}

/** Whether nothing is there to fill a dynamic zone: neither updates, of its own or of another view's zone, nor the API. */
function staysEmpty({ views, listen }: Config, zone: ZoneConfig): boolean {
  if (!zone.dynamic || zone.update.length > 0 || zone.file !== undefined || zone.ptr_from) return false
  const view = views.find(({ zones }) => zones.includes(zone))!
  const updatedToo = views.some(({ zones }) =>
    zones.some(({ name, also_update: also }) => equalNames(name, zone.name) && also?.includes(view.name)),
  )
  return !updatedToo && listen.https.length === 0
}

function mayTransfer(rule: TransferRule, key: Name): boolean {
  return rule.key === undefined || equalNames(rule.key, key)
}

function isOpen(rule: TransferRule): boolean {
  return rule.key === undefined && rule.from!.some(block => block.length === 0)
}
