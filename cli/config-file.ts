import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadConfig, readDataDir } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { reasonOf } from '../config/secret.ts'
import { printConfigError } from '../config/source.ts'
import { CliError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** Where a config is looked for when none is named; the last is that of `npm start`. */
const PLACES = ['namestead.yaml', '/etc/namestead/namestead.yaml', 'data/namestead.yaml']

/** The option that names it, and what goes without. */
export const CONFIG_OPTION = [
  '--config <file>',
  `the config file (otherwise that of NAMESTEAD_CONFIG, or the first of ${PLACES.join(', ')})`,
] as const

/** The config file that is meant: named, from NAMESTEAD_CONFIG, or in one of the usual places. */
export function findConfigFile(given: string | undefined, terminal: Terminal): string {
  const named = given ?? terminal.env['NAMESTEAD_CONFIG']
  if (named) return resolve(terminal.cwd, named)
  const found = PLACES.map(place => resolve(terminal.cwd, place)).find(place => existsSync(place))
  if (found) return found
  throw new CliError(`no config file: name one with --config, or put one at ${PLACES.join(', ')}`, 2)
}

/** The checked config; errors are thrown with their places, warnings go to stderr. */
export function readConfig(file: string, terminal: Terminal): Config {
  const loaded = loadConfig(file)
  for (const warning of loaded.warnings) terminal.err(`warning: ${printConfigError(warning)}\n`)
  if (!loaded.config) throw new CliError(loaded.errors.map(printConfigError), 2)
  return loaded.config
}

/** The control socket of the daemon that runs with this config, which need not be valid now. */
export function socketOf(file: string): string {
  try {
    return join(readDataDir(file), 'control.sock')
  } catch (error) {
    throw new CliError(`${file}: ${reasonOf(error)}`, 2)
  }
}
