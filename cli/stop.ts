import type { Command } from 'commander'
import { CONFIG_OPTION, findConfigFile, socketOf } from './config-file.ts'
import { request } from './control.ts'
import type { Terminal } from './terminal.ts'

/** `stop`: the running daemon drains and stops. */
export function addStop(program: Command, terminal: Terminal): void {
  program
    .command('stop')
    .description('make the running daemon finish what is in flight and stop')
    .option(...CONFIG_OPTION)
    .action(async (options: { config?: string }) => {
      await request(socketOf(findConfigFile(options.config, terminal)), 'stop')
      terminal.out('stopping\n')
    })
}
