import { Command, CommanderError } from 'commander'
import { VERSION } from '../host/version.ts'
import { COMMANDS } from './commands.ts'
import { processTerminal, type Terminal } from './terminal.ts'

/** Runs one command line; gives its exit code: 0 done, 1 it failed, 2 the input is wrong. */
export async function run(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const program = await createProgram(terminal, commandsFor(argv[0]))
  try {
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    return report(error, terminal)
  }
}

/** The program with these commands, all by default, writing to `terminal`. */
export async function createProgram(
  terminal: Terminal,
  names: readonly string[] = Object.keys(COMMANDS),
): Promise<Command> {
  const program = new Command('namestead')
    .description('Names and certificates for a small fleet: DNS server, forwarding resolver and private ACME CA.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
  for (const add of await Promise.all(names.map(name => COMMANDS[name]!()))) add(program, terminal)
  settle(program, terminal)
  return program
}

/** Those that a command line is about. These two describe all others. */
function commandsFor(first: string | undefined): readonly string[] | undefined {
  const describes = first === 'completion' || first === 'man'
  return first !== undefined && Object.hasOwn(COMMANDS, first) && !describes ? [first] : undefined
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
