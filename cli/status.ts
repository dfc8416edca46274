import type { Command } from 'commander'
import { findConfigFile, socketOf } from './config-file.ts'
import { request } from './control.ts'
import type { Status } from './replies.ts'
import { facts, type Terminal } from './terminal.ts'

/** `status`: the running daemon at a glance. */
export function addStatus(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .description('the running daemon at a glance')
    .option('--config <file>', 'the config file')
    .option('--json', 'print it as JSON')
    .action(async (options: { config?: string; json?: boolean }) => {
      const status = await request(socketOf(findConfigFile(options.config, terminal)), 'status')
      terminal.out(options.json ? `${JSON.stringify(status, undefined, 2)}\n` : printStatus(status))
    })
}

function printStatus(status: Status): string {
  return facts([
    ['version', status.version],
    ['state', status.ready ? 'ready' : 'starting'],
    ['process', `${status.pid}, since ${status.started}`],
    ['config', status.config],
    ...Object.entries(status.listen).map(([name, addresses]) => [name, addresses.join(', ')] as const),
    ['workers', status.workers],
    ['zones', status.zones],
    ...(status.ca
      ? ([
          ['acme', status.ca.directory],
          ['root', `SHA-256 ${status.ca.root_sha256}`],
        ] as const)
      : []),
    ...Object.entries(status.counters ?? {}),
  ])
}
