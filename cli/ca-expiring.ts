import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import { type Terminal, table } from './terminal.ts'

/** `ca expiring`: what ends soon, and whether anybody has seen to it. */
export function addExpiring(ca: Command, terminal: Terminal): void {
  online(ca.command('expiring').description('certificates that end soon, with their successors or why there is none'))
    .option('--days <days>', 'within so many days; 0 is today', '30')
    .option('--missing', 'only those without a successor')
    .action(async (options: OnlineOptions & { days: string; missing?: boolean }) => {
      const all = await ask('ca.expiring', { days: Number(options.days) }, options, terminal)
      const ending = options.missing ? all.filter(one => one.replaced_by === undefined) : all
      if (options.json) return printJson(ending, terminal)
      const rows = ending.map(one => [
        String(one.days),
        one.not_after,
        one.serial,
        one.replaced_by !== undefined ? 'replaced' : (one.failure?.detail ?? ''),
        one.names.join(' '),
      ])
      terminal.out(table(['DAYS', 'UNTIL', 'SERIAL', 'RENEWAL', 'NAMES'], rows))
    })
}
