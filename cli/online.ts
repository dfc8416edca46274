import type { Command } from 'commander'
import { CONFIG_OPTION, findConfigFile, socketOf } from './config-file.ts'
import { request } from './control.ts'
import type { Replies } from './replies.ts'
import type { Terminal } from './terminal.ts'

/** What every command takes that talks to a running daemon and prints data. */
export interface OnlineOptions {
  config?: string
  json?: boolean
}

/** A command that talks to the running daemon and prints data. */
export function online(command: Command): Command {
  return command.option(...CONFIG_OPTION).option('--json', 'print it as JSON')
}

/** Sends a command to the daemon that the options mean. */
export function ask<C extends keyof Replies>(
  command: C,
  args: Record<string, unknown>,
  options: OnlineOptions,
  terminal: Terminal,
  onProgress?: (progress: unknown) => void,
): Promise<Replies[C]> {
  return request(socketOf(findConfigFile(options.config, terminal)), command, args, onProgress)
}

/** A result for programs. */
export function printJson(value: unknown, terminal: Terminal): void {
  terminal.out(`${JSON.stringify(value, undefined, 2)}\n`)
}
