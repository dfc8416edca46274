import { Command, CommanderError } from 'commander'
import { VERSION } from '../host/version.ts'
import { addBackup } from './backup.ts'
import { addCa } from './ca.ts'
import { addCache } from './cache.ts'
import { addCheck } from './check.ts'
import { addCompletion } from './completion.ts'
import { addExplain } from './explain.ts'
import { addInit } from './init.ts'
import { addKeygen } from './keygen.ts'
import { addMan } from './man.ts'
import { addMigrate } from './migrate.ts'
import { addNta } from './nta.ts'
import { addOnboard } from './onboard.ts'
import { addQuarantine } from './quarantine.ts'
import { addReload } from './reload.ts'
import { addServe } from './serve.ts'
import { addStart } from './start.ts'
import { addStatus } from './status.ts'
import { addStop } from './stop.ts'
import { processTerminal, type Terminal } from './terminal.ts'
import { addTimeline } from './timeline.ts'
import { addToken } from './token.ts'
import { addZone } from './zone.ts'

/** Runs one command line; gives its exit code: 0 done, 1 it failed, 2 the input is wrong. */
export async function run(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const program = createProgram(terminal)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    return report(error, terminal)
  }
}

/** All commands, writing to `terminal`. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('namestead')
    .description('Names and certificates for a small fleet: DNS server, forwarding resolver and private ACME CA.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
  for (const add of [
    addServe,
    addStart,
    addInit,
    addCheck,
    addStatus,
    addReload,
    addStop,
    addKeygen,
    addZone,
    addCa,
    addCache,
    addToken,
    addBackup,
    addOnboard,
    addMigrate,
    addQuarantine,
    addExplain,
    addTimeline,
    addNta,
    addCompletion,
    addMan,
  ])
    add(program, terminal)
  settle(program, terminal)
  return program
}

/** commander would write to the process and leave it; tests and exit codes need neither. */
function settle(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
  command.showHelpAfterError('(add --help for what it takes)')
  for (const inner of command.commands) settle(inner, terminal)
}

/** A failure that says itself how it is to be shown: ours, or the daemon's own. */
interface Failure {
  lines?: readonly string[]
  errors?: readonly string[]
  exit: 1 | 2
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const { lines, errors, exit } = error as Failure
  const shown = lines ?? errors
  if (!shown) terminal.err(`${error instanceof Error ? error.message : error}\n`)
  else for (const line of shown) terminal.err(`${line}\n`)
  return exit === 2 ? 2 : 1
}
