import type { Command } from 'commander'
import { findConfigFile, socketOf } from './config-file.ts'
import { request } from './control.ts'
import type { Terminal } from './terminal.ts'

/** `reload`: the running daemon reads its config and zone files again; a bad config is refused whole. */
export function addReload(program: Command, terminal: Terminal): void {
  program
    .command('reload')
    .description('make the running daemon read its config and zone files again; a bad config is refused whole')
    .option('--config <file>', 'the config file')
    .option('--json', 'print what changed as JSON')
    .action(async (options: { config?: string; json?: boolean }) => {
      const reload = await request(socketOf(findConfigFile(options.config, terminal)), 'reload')
      if (options.json) return terminal.out(`${JSON.stringify(reload, undefined, 2)}\n`)
      for (const warning of reload.warnings) terminal.err(`warning: ${warning}\n`)
      for (const change of reload.changed) terminal.out(`${change}\n`)
      if (reload.restart.length > 0)
        terminal.err(`restart the daemon for ${reload.restart.join(', ')} to take effect\n`)
      terminal.out('reloaded\n')
    })
}
