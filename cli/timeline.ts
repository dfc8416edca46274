import { type Command, InvalidArgumentError, Option } from 'commander'
import { readDuration } from '../config/values.ts'
import { ask, type OnlineOptions, online } from './online.ts'
import { syslogMessage } from './syslog.ts'
import type { Terminal } from './terminal.ts'

interface TimelineOptions extends OnlineOptions {
  since: string
  until?: string
  format: 'jsonl' | 'syslog'
}

/** `timeline`: changes of zones and what the CA did, in the order in which they happened. */
export function addTimeline(program: Command, terminal: Terminal): void {
  online(program.command('timeline').description('what happened: changes of zones, certificates, calls of the API'))
    .option('--since <time>', 'ISO 8601, or a duration before now', parseTime, parseTime('24h'))
    .option('--until <time>', 'likewise', parseTime)
    .addOption(new Option('--format <format>', 'how').choices(['jsonl', 'syslog']).default('jsonl'))
    .action(async (options: TimelineOptions) => {
      const { since, until, format } = options
      const lines = await ask('timeline', { since, ...(until !== undefined && { until }) }, options, terminal)
      for (const line of lines) terminal.out(`${format === 'jsonl' ? JSON.stringify(line) : syslogMessage(line)}\n`)
    })
}

function parseTime(text: string): string {
  const ago = readDuration(text)
  const time = ago === undefined ? Date.parse(text) : Date.now() - ago
  if (Number.isNaN(time)) throw new InvalidArgumentError('expected a time in ISO 8601, or a duration such as 24h')
  return new Date(time).toISOString()
}
