import { type Command, InvalidArgumentError } from 'commander'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Difference, Replies, ZoneChange } from './replies.ts'
import { byUser, type Terminal } from './terminal.ts'

interface ZoneOptions extends OnlineOptions {
  view?: string
}

/** `zone history`, `zone revert`, `zone restore`, `zone diff`: what a zone was, who made it what it is, and how views differ. */
export function addHistory(zone: Command, terminal: Terminal): void {
  addLog(zone, terminal)
  addRevert(zone, terminal)
  addRestore(zone, terminal)
  addDiff(zone, terminal)
}

function addLog(zone: Command, terminal: Terminal): void {
  ofZone(zone.command('history').description('the serials of a zone, and who changed what'))
    .option('--limit <count>', 'how many changes, the newest first', parseCount, 20)
    .action(async (name: string, options: ZoneOptions & { limit: number }) => {
      const args = { zone: name, ...viewOf(options), limit: options.limit }
      const changes = await ask('zone.history', args, options, terminal)
      if (options.json) return printJson(changes, terminal)
      terminal.out(changes.map(printChange).join('\n') || 'nothing is kept\n')
    })
}

function printChange({ serial, serial_before: before, at, key, source, added, deleted }: ZoneChange): string {
  const who = key === undefined ? source : `key ${key} from ${source}`
  const lines = [...deleted.map(line => `  -${line}`), ...added.map(line => `  +${line}`)]
  return `${[`serial ${before} → ${serial}, ${at}, ${who}`, ...lines].join('\n')}\n`
}

function addRevert(zone: Command, terminal: Terminal): void {
  ofZone(zone.command('revert').description('make a zone again what it was, under a new serial'))
    .requiredOption('--to <serial>', 'the serial that it had', parseCount)
    .action(async (name: string, options: ZoneOptions & { to: number }) => {
      const args = { zone: name, ...viewOf(options), to: options.to, ...byUser(terminal) }
      const done = await ask('zone.revert', args, options, terminal)
      if (options.json) return printJson(done, terminal)
      const { zone, view, added, deleted, serial } = done
      terminal.out(
        `${zone} in ${view}: as of serial ${options.to}, ${added} records added, ${deleted} deleted, serial ${serial}\n`,
      )
    })
}

function addRestore(zone: Command, terminal: Terminal): void {
  ofZone(zone.command('restore').description('make a zone again what it was at a time, under a new serial'))
    .requiredOption('--to <time>', 'the time, as 2026-01-02T03:04:05Z')
    .action(async (name: string, options: ZoneOptions & { to: string }) => {
      const done = await ask('zone.restore', { zone: name, ...viewOf(options), to: options.to }, options, terminal)
      if (options.json) return printJson(done, terminal)
      const { zone, view, added, deleted, serial, as_of: then } = done
      terminal.out(
        `${zone} in ${view}: as of serial ${then}, ${added} records added, ${deleted} deleted, serial ${serial}\n`,
      )
    })
}

function addDiff(zone: Command, terminal: Terminal): void {
  online(zone.command('diff').description('what two views see of a name and all below it, where they differ, and why'))
    .argument('<name>', 'the name')
    .requiredOption('--views <views>', 'the two views, as a,b')
    .action(async (name: string, options: OnlineOptions & { views: string }) => {
      const views = options.views.split(',')
      if (views.length !== 2) throw new CliError(['--views takes two views: --views inside,outside'], 2)
      const found = await ask('zone.diff', { name, views }, options, terminal)
      if (options.json) printJson(found, terminal)
      else terminal.out(printDiff(found))
    })
}

function printDiff({ views, differences }: Replies['zone.diff']): string {
  const [first] = views
  const heads = views.map(({ view, zone, serial, overlay_of: base }, i) => {
    const what = zone === null ? 'no zone' : `${zone} serial ${serial}${base ? `, overlay of ${base}` : ''}`
    return `${i === 0 ? '---' : '+++'} ${view}: ${what}\n`
  })
  const lines = differences.map(
    ({ view, record, from, absent }: Difference) =>
      `${view === first!.view ? '-' : '+'}${record}\n    from ${from}; absent: ${absent}\n`,
  )
  return [...heads, ...(lines.length > 0 ? lines : ['no difference\n'])].join('')
}

/** Commander's parser of a number of 32 bits. */
export function parseCount(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > 0xffffffff) throw new InvalidArgumentError('expected a number of 32 bits.')
  return number
}

function ofZone(command: Command): Command {
  command.argument('<zone>', 'the apex')
  return online(command).option('--view <view>', 'the view, where several have a zone of this name')
}

function viewOf({ view }: ZoneOptions): { view?: string } {
  return view === undefined ? {} : { view }
}
