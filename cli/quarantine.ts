import type { Command } from 'commander'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Quarantined } from './replies.ts'
import { facts, type Terminal, table } from './terminal.ts'

interface QuarantineOptions extends OnlineOptions {
  below?: boolean
  reason?: string
  undo?: boolean
}

/** `quarantine`: a name out of DNS, its certificates revoked, in one step; and back. */
export function addQuarantine(program: Command, terminal: Terminal): void {
  online(
    program
      .command('quarantine')
      .description('take a name out of DNS and revoke its certificates, until it is let out; or list'),
  )
    .argument('[name]', 'the name; left out: lists those that are in quarantine')
    .option('--below', 'all names below it, too')
    .option('--reason <text>', 'why, for whoever finds it')
    .option('--undo', 'let it out: its records come back to whom they belonged; revoked certificates stay revoked')
    .action(async (name: string | undefined, options: QuarantineOptions) => {
      if (name === undefined) return list(options, terminal)
      const { below, reason, undo } = options
      if (undo && (below || reason !== undefined)) throw new CliError('--undo goes with the name alone', 2)
      const done = undo
        ? await ask('quarantine.undo', { name }, options, terminal)
        : await ask('quarantine.set', { name, below, reason }, options, terminal)
      if (options.json) return printJson(done, terminal)
      for (const why of done.left) terminal.err(`warning: ${why}\n`)
      const records = done.records.map(record => [undo ? 'put back' : 'taken out', record] as const)
      terminal.out(
        facts([['name', done.name], ...records, ...(undo ? [] : done.revoked.map(one => ['revoked', one] as const))]),
      )
    })
}

async function list(options: QuarantineOptions, terminal: Terminal): Promise<void> {
  const all = await ask('quarantine.list', {}, options, terminal)
  if (options.json) return printJson(all, terminal)
  const row = ({ name, below, at, records, revoked, reason }: Quarantined) =>
    [below ? `**.${name}` : name, at, records.length, revoked.length, reason] as const
  terminal.out(table(['NAME', 'SINCE', 'RECORDS', 'REVOKED', 'REASON'], all.map(row)))
}
