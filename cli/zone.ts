import { resolve } from 'node:path'
import type { Command } from 'commander'
import { systemSources } from '../config/load.ts'
import { type ConfigError, printConfigError } from '../config/source.ts'
import type { Name } from '../dns/name.ts'
import { printZonefile } from '../dns/zonefile.ts'
import { addDnssec } from './dnssec.ts'
import { CliError } from './errors.ts'
import { addHistory, parseCount } from './history.ts'
import { ask, online, printJson } from './online.ts'
import type { SecondaryDetails, ZoneDetails, ZoneSummary } from './replies.ts'
import { byUser, facts, type Terminal, table } from './terminal.ts'
import { named, nameOf, target, type ZoneOptions } from './zone-arguments.ts'

/** `zone …`: the zones of the running daemon, and master files. */
export function addZone(program: Command, terminal: Terminal): void {
  const zone = program.command('zone').description('zones of the running daemon, and master files')
  addList(zone, terminal)
  addShow(zone, terminal)
  addExport(zone, terminal)
  addImport(zone, terminal)
  addDnssec(zone, terminal)
  addRefresh(zone, terminal)
  addPromote(zone, terminal)
  addFileCheck(zone, terminal)
  addHistory(zone, terminal)
}

function addList(zone: Command, terminal: Terminal): void {
  online(zone.command('list').description('every zone of every view')).action(async (options: ZoneOptions) => {
    const zones = await ask('zone.list', {}, options, terminal)
    if (options.json) return printJson(zones, terminal)
    const rows = zones.map(one => [one.zone, one.view, describeType(one), one.serial ?? '-', one.records])
    terminal.out(table(['ZONE', 'VIEW', 'TYPE', 'SERIAL', 'RECORDS'], rows))
  })
}

function addShow(zone: Command, terminal: Terminal): void {
  named(zone.command('show').description('one zone, or its records as they were'))
    .option('--serial <serial>', 'the zone when it last had this serial, as a master file', parseCount)
    .action(async (name: string, options: ZoneOptions & { serial?: number }) => {
      if (options.serial !== undefined) return showPast(name, options, terminal)
      const details = await ask('zone.show', target(name, options), options, terminal)
      if (options.json) printJson(details, terminal)
      else terminal.out(printDetails(details))
    })
}

async function showPast(name: string, options: ZoneOptions & { serial?: number }, terminal: Terminal): Promise<void> {
  const past = await ask('zone.at', { ...target(name, options), serial: options.serial }, options, terminal)
  if (options.json) printJson(past, terminal)
  else terminal.out(past.text)
}

function printDetails(zone: ZoneDetails): string {
  const change = zone.last_change
  return facts([
    ['zone', zone.zone],
    ['view', zone.view],
    ['type', describeType(zone)],
    ['serial', zone.serial ?? '-'],
    ['records', zone.records],
    ...(zone.file ? [['file', zone.file] as const] : []),
    ...(zone.secondary ? describeSecondary(zone.secondary) : []),
    ['updates', zone.update_keys.join(', ') || 'nobody'],
    ['transfers', zone.transfer_keys.join(', ') || 'nobody'],
    ...(change ? [['last change', `${change.at} by ${change.by}, serial ${change.serial}`] as const] : []),
  ])
}

function describeSecondary({ primaries, state, checked, next_refresh, expires }: SecondaryDetails) {
  return [
    ['primaries', primaries.join(', ')],
    ['state', state],
    ['last checked', checked ?? 'never'],
    ['next refresh', next_refresh ?? '-'],
    ['expires', expires ?? '-'],
  ] as const
}

function describeType({ type, dynamic, overlay_of: base }: ZoneSummary): string {
  if (base !== undefined) return `overlay of ${base}`
  return dynamic ? `${type}, dynamic` : type
}

function addExport(zone: Command, terminal: Terminal): void {
  named(zone.command('export').description('print a zone as a master file, which parses again to the same zone'))
    .option('--owners', 'note behind each record the key that holds it, where one does')
    .action(async (name: string, options: ZoneOptions & { owners?: true }) => {
      const args = { ...target(name, options), ...(options.owners && { owners: true }) }
      const exported = await ask('zone.export', args, options, terminal)
      if (options.json) printJson(exported, terminal)
      else terminal.out(exported.text)
    })
}

function addImport(zone: Command, terminal: Terminal): void {
  named(
    zone.command('import').description('make a dynamic zone what a master file says, by the same way as updates'),
    '<file>',
  ).action(async (name: string, file: string, options: ZoneOptions) => {
    const path = resolve(terminal.cwd, file)
    const { records } = await checkedFile(name, path, terminal)
    const text = printZonefile(records, nameOf(name))
    const args = { ...target(name, options), text, file: path, ...byUser(terminal) }
    const done = await ask('zone.import', args, options, terminal)
    if (options.json) return printJson(done, terminal)
    const { zone, view, added, deleted, serial } = done
    terminal.out(`${zone} in ${view}: ${added} records added, ${deleted} deleted, serial ${serial}\n`)
  })
}

function addRefresh(zone: Command, terminal: Terminal): void {
  named(zone.command('refresh').description('ask the primaries of a secondary zone now')).action(
    async (name: string, options: ZoneOptions) => {
      const done = await ask('zone.refresh', target(name, options), options, terminal)
      if (options.json) return printJson(done, terminal)
      terminal.out(`${done.zone} in ${done.view}: asking ${done.primaries.join(', ')}\n`)
    },
  )
}

function addPromote(zone: Command, terminal: Terminal): void {
  named(zone.command('promote').description('make a secondary zone the primary, with what it has')).action(
    async (name: string, options: ZoneOptions) => {
      const done = await ask('zone.promote', target(name, options), options, terminal)
      if (options.json) return printJson(done, terminal)
      terminal.out(`${done.zone} in ${done.view} is a primary from now on, serial ${done.serial}\n`)
      terminal.out(
        'in the configuration, give it type: primary and dynamic: true instead of primaries, and update rules\n',
      )
    },
  )
}

function addFileCheck(zone: Command, terminal: Terminal): void {
  zone
    .command('check')
    .description('check a master file without any daemon')
    .argument('<zone>', 'the apex')
    .argument('<file>', 'the master file')
    .option('--json', 'print the findings as JSON')
    .action(async (name: string, file: string, options: { json?: boolean }) => {
      const path = resolve(terminal.cwd, file)
      const { records, errors, warnings } = await readMasterFile(nameOf(name), path)
      if (options.json) printJson({ records: records.length, errors, warnings }, terminal)
      else showFindings(errors, warnings, terminal)
      if (errors.length > 0) throw new CliError([], 2)
      if (!options.json) terminal.out(`${file}: ok, ${records.length} records\n`)
    })
}

/** A master file without errors; its warnings go to stderr. */
async function checkedFile(name: string, path: string, terminal: Terminal) {
  const found = await readMasterFile(nameOf(name), path)
  showFindings(found.errors, found.warnings, terminal)
  if (found.errors.length > 0) throw new CliError([], 2)
  return found
}

/** As the daemon reads it. */
async function readMasterFile(origin: Name, path: string) {
  const { checkMasterFile } = await import('../server/check.ts')
  return checkMasterFile(path, origin, systemSources.readFile)
}

function showFindings(errors: readonly ConfigError[], warnings: readonly ConfigError[], terminal: Terminal): void {
  for (const warning of warnings) terminal.err(`warning: ${printConfigError(warning)}\n`)
  for (const error of errors) terminal.err(`${printConfigError(error)}\n`)
}
