import { Argument, type Command, Option } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { RecordLine, TreeHead } from './replies.ts'
import { syslogLine } from './syslog.ts'
import { facts, type Terminal } from './terminal.ts'

/** Lines asked for at once. */
const PAGE = 1000

/** `ca log …`: the record of what the CA did. */
export function addRecord(ca: Command, terminal: Terminal): void {
  const log = ca.command('log').description('the append-only record of what the CA did')
  online(log.command('head').description('sign the head of the record, to keep elsewhere')).action(
    async (options: OnlineOptions) => {
      const head = await ask('ca.log.head', {}, options, terminal)
      if (options.json) return printJson(head, terminal)
      terminal.out(`${facts(headFacts(head))}${head.public_key}`)
    },
  )
  online(log.command('verify').description('read the whole record again, against every head that was signed'))
    .option('--head <size:root>', 'one that was kept elsewhere, to be held against it, too')
    .action(async (options: OnlineOptions & { head?: string }) => {
      const verified = await ask('ca.log.verify', { ...(options.head && { head: options.head }) }, options, terminal)
      if (options.json) return printJson(verified, terminal)
      const { entries, forgotten, heads } = verified
      const told: [string, string][] = [
        ['entries', `${entries}, of ${forgotten} only the hash`],
        ['heads', String(heads)],
      ]
      terminal.out(facts([...told, ...headFacts(verified)]))
    })
  online(log.command('prove').description('prove that a certificate is in the record'))
    .addArgument(new Argument('<serial>', 'its serial in hex'))
    .action(async (serial: string, options: OnlineOptions) => {
      printJson(await ask('ca.log.prove', { serial }, options, terminal), terminal)
    })
  online(log.command('consistency').description('prove that the record of now begins with one whose head was kept'))
    .addArgument(new Argument('<size>', 'the size of that tree'))
    .action(async (size: string, options: OnlineOptions) => {
      printJson(await ask('ca.log.consistency', { from: Number(size) }, options, terminal), terminal)
    })
  online(log.command('export').description('the lines of the record'))
    .option('--after <number>', 'only those after this one', '0')
    .addOption(new Option('--format <format>', 'how').choices(['jsonl', 'syslog']).default('jsonl'))
    .action(async (options: OnlineOptions & { after: string; format: 'jsonl' | 'syslog' }) => {
      for await (const line of lines(options, terminal))
        terminal.out(`${options.format === 'jsonl' ? JSON.stringify(line) : syslogLine(line)}\n`)
    })
}

async function* lines(options: OnlineOptions & { after: string }, terminal: Terminal): AsyncGenerator<RecordLine> {
  for (let after = Number(options.after); ; ) {
    const page = await ask('ca.log.entries', { after, limit: PAGE }, options, terminal)
    yield* page
    if (page.length < PAGE) return
    after = page.at(-1)!.seq
  }
}

function headFacts({ size, root, at }: TreeHead): [string, string][] {
  return [
    ['head', `${size}:${root}`],
    ['signed', at],
  ]
}
