import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { readZonefile, type ZonefileFindings } from '../config/check-zonefile.ts'
import { reasonOf } from '../config/secret.ts'
import { type Name, parseName } from '../dns/name.ts'
import { printZonefile } from '../dns/zonefile.ts'
import { findConfigFile, socketOf } from './config-file.ts'
import { request } from './control.ts'
import { CliError } from './errors.ts'
import type { ZoneDetails } from './replies.ts'
import { facts, type Terminal, table } from './terminal.ts'

interface ZoneOptions {
  config?: string
  view?: string
  json?: boolean
}

/** `zone …`: the zones of the running daemon, and master files. */
export function addZone(program: Command, terminal: Terminal): void {
  const zone = program.command('zone').description('zones of the running daemon, and master files')
  addList(zone, terminal)
  addShow(zone, terminal)
  addExport(zone, terminal)
  addImport(zone, terminal)
  addZonefileCheck(zone, terminal)
}

function addList(zone: Command, terminal: Terminal): void {
  online(zone.command('list').description('every zone of every view')).action(async (options: ZoneOptions) => {
    const zones = await request(socketFor(options, terminal), 'zone.list')
    if (options.json) return printJson(zones, terminal)
    const rows = zones.map(one => [one.zone, one.view, describeType(one), one.serial, one.records])
    terminal.out(table(['ZONE', 'VIEW', 'TYPE', 'SERIAL', 'RECORDS'], rows))
  })
}

function addShow(zone: Command, terminal: Terminal): void {
  named(zone.command('show').description('one zone')).action(async (name: string, options: ZoneOptions) => {
    const details = await request(socketFor(options, terminal), 'zone.show', target(name, options))
    if (options.json) printJson(details, terminal)
    else terminal.out(printDetails(details))
  })
}

function printDetails(zone: ZoneDetails): string {
  const change = zone.last_change
  return facts([
    ['zone', zone.zone],
    ['view', zone.view],
    ['type', describeType(zone)],
    ['serial', zone.serial],
    ['records', zone.records],
    ...(zone.file ? [['file', zone.file] as const] : []),
    ['updates', zone.update_keys.join(', ') || 'nobody'],
    ['transfers', zone.transfer_keys.join(', ') || 'nobody'],
    ...(change ? [['last change', `${change.at} by ${change.by}, serial ${change.serial}`] as const] : []),
  ])
}

function describeType({ type, dynamic }: { type: string; dynamic: boolean }): string {
  return dynamic ? `${type}, dynamic` : type
}

function addExport(zone: Command, terminal: Terminal): void {
  named(
    zone.command('export').description('print a zone as a master file, which parses again to the same zone'),
  ).action(async (name: string, options: ZoneOptions) => {
    const exported = await request(socketFor(options, terminal), 'zone.export', target(name, options))
    if (options.json) printJson(exported, terminal)
    else terminal.out(exported.text)
  })
}

function addImport(zone: Command, terminal: Terminal): void {
  named(
    zone.command('import').description('make a dynamic zone what a master file says, by the same way as updates'),
    '<file>',
  ).action(async (name: string, file: string, options: ZoneOptions) => {
    const origin = nameOf(name)
    const { records } = readFileFor(origin, resolve(terminal.cwd, file), terminal)
    const text = printZonefile(records, origin)
    const done = await request(socketFor(options, terminal), 'zone.import', { ...target(name, options), text, file })
    if (options.json) printJson(done, terminal)
    else
      terminal.out(
        `${done.zone} in ${done.view}: ${done.added} records added, ${done.deleted} deleted, serial ${done.serial}\n`,
      )
  })
}

function addZonefileCheck(zone: Command, terminal: Terminal): void {
  zone
    .command('check')
    .description('check a master file without any daemon')
    .argument('<zone>', 'the apex')
    .argument('<file>', 'the master file')
    .option('--json', 'print the findings as JSON')
    .action((name: string, file: string, options: { json?: boolean }) => {
      const path = resolve(terminal.cwd, file)
      const findings = readMasterFile(nameOf(name), path)
      if (options.json) printJson(summary(findings), terminal)
      else showFindings(findings, terminal)
      if (findings.errors.length > 0) throw new CliError([], 2)
      if (!options.json) terminal.out(`${file}: ok, ${findings.records.length} records\n`)
    })
}

function summary({ records, errors, warnings }: ZonefileFindings) {
  const plain = (list: ZonefileFindings['errors']) =>
    list.map(({ file, line, column, reason }) => ({ file, line, column, message: reason }))
  return { records: records.length, errors: plain(errors), warnings: plain(warnings) }
}

/** The records of a master file without errors; its warnings go to stderr. */
function readFileFor(origin: Name, file: string, terminal: Terminal): ZonefileFindings {
  const findings = readMasterFile(origin, file)
  showFindings(findings, terminal)
  if (findings.errors.length > 0) throw new CliError([], 2)
  return findings
}

function showFindings({ errors, warnings }: ZonefileFindings, terminal: Terminal): void {
  for (const warning of warnings) terminal.err(`warning: ${warning.message}\n`)
  for (const error of errors) terminal.err(`${error.message}\n`)
}

function readMasterFile(origin: Name, file: string): ZonefileFindings {
  const readFile = (path: string) => readFileSync(path, 'utf8')
  let text: string
  try {
    text = readFile(file)
  } catch (error) {
    throw new CliError(`${file}:1:1: can't be read: ${reasonOf(error)}`, 2)
  }
  return readZonefile(text, { origin, file, readFile })
}

function nameOf(text: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    throw new CliError((error as Error).message, 2)
  }
}

function online(command: Command): Command {
  return command.option('--config <file>', 'the config file').option('--json', 'print it as JSON')
}

function named(command: Command, ...more: string[]): Command {
  command.argument('<zone>', 'the apex')
  for (const argument of more) command.argument(argument)
  return online(command).option('--view <view>', 'the view, where several have a zone of this name')
}

function target(zone: string, { view }: ZoneOptions): Record<string, unknown> {
  nameOf(zone)
  return { zone, ...(view === undefined ? {} : { view }) }
}

function socketFor(options: ZoneOptions, terminal: Terminal): string {
  return socketOf(findConfigFile(options.config, terminal))
}

function printJson(value: unknown, terminal: Terminal): void {
  terminal.out(`${JSON.stringify(value, undefined, 2)}\n`)
}
