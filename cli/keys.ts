import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { KeyUse, TsigKey } from './replies.ts'
import { type Terminal, table } from './terminal.ts'

/** `keys`: the TSIG keys, and whether anybody still uses them. */
export function addKeys(program: Command, terminal: Terminal): void {
  online(
    program
      .command('keys')
      .description('the TSIG keys: what they are for, when they were used last, and whether an old secret still is'),
  ).action(async (options: OnlineOptions) => {
    const keys = await ask('keys', {}, options, terminal)
    if (options.json) return printJson(keys, terminal)
    const rows = keys.map(key => [
      key.name,
      key.algorithm,
      describePurposes(key),
      key.requests,
      describeUse(key.last_use),
      key.secrets > 1 ? describeUse(key.old_secret.last_use) : '-',
      describeFailures(key),
    ])
    terminal.out(table(['KEY', 'ALGORITHM', 'FOR', 'REQUESTS', 'LAST USE', 'OLD SECRET', 'FAILED'], rows))
  })
}

function describePurposes({ zones, views }: TsigKey): string {
  const all = [
    ...zones.map(({ view, zone, for: purposes }) => `${purposes.join('+')} ${zone} (${view})`),
    ...views.map(view => `view ${view}`),
  ]
  return all.join(', ') || 'nothing'
}

function describeUse(use: KeyUse | undefined): string {
  return use ? `${use.at} from ${use.from}` : 'not since the start'
}

function describeFailures({ failures }: TsigKey): string {
  const all = Object.entries(failures).map(([error, count]) => `${count} ${error}`)
  return all.join(', ') || '-'
}
