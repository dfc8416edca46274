import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Terminal } from './terminal.ts'

/** `reload`: the running daemon reads its config and zone files again; a bad config is refused whole. */
export function addReload(program: Command, terminal: Terminal): void {
  online(
    program
      .command('reload')
      .description('make the running daemon read its config and zone files again; a bad config is refused whole'),
  ).action(async (options: OnlineOptions) => {
    const reload = await ask('reload', {}, options, terminal)
    if (options.json) return printJson(reload, terminal)
    for (const warning of reload.warnings) terminal.err(`warning: ${warning}\n`)
    if (reload.restart.length > 0) terminal.err(`restart the daemon for ${reload.restart.join(', ')} to take effect\n`)
    terminal.out(`reloaded${reload.changed.length > 0 ? `; changed: ${reload.changed.join(', ')}` : ''}\n`)
  })
}
