import type { Command } from 'commander'
import { loadConfig, systemSources } from '../config/load.ts'
import { type ConfigError, printConfigError } from '../config/source.ts'
import { CONFIG_OPTION, findConfigFile } from './config-file.ts'
import { CliError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** `check`: validates the config and the files it names, without starting. */
export function addCheck(program: Command, terminal: Terminal): void {
  program
    .command('check')
    .description('validate config, key files, zone files and certificates without starting; prints every error')
    .option(...CONFIG_OPTION)
    .option('--json', 'print the findings as JSON')
    .action(async (options: { config?: string; json?: boolean }) => {
      const file = findConfigFile(options.config, terminal)
      const { errors, warnings } = await findingsOf(file, terminal)
      if (options.json) terminal.out(`${JSON.stringify({ file, errors, warnings }, undefined, 2)}\n`)
      else printFindings(file, errors, warnings, terminal)
      if (errors.length > 0) throw new CliError(options.json ? [] : errors.map(printConfigError), 2)
    })
}

async function findingsOf(file: string, terminal: Terminal) {
  const sources = { ...systemSources, env: terminal.env }
  const loaded = loadConfig(file, sources)
  // The daemon's own check, so that what passes here starts there.
  const { checkFiles } = await import('../server/check.ts')
  const files = checkFiles(loaded, sources)
  return { errors: [...loaded.errors, ...files.errors], warnings: [...loaded.warnings, ...files.warnings] }
}

function printFindings(file: string, errors: ConfigError[], warnings: ConfigError[], terminal: Terminal): void {
  for (const warning of warnings) terminal.err(`warning: ${printConfigError(warning)}\n`)
  if (errors.length === 0)
    terminal.out(`${file}: ok${warnings.length > 0 ? `, ${count(warnings.length, 'warning')}` : ''}\n`)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
