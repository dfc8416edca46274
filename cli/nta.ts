import type { Command } from 'commander'
import { parseName } from '../dns/name.ts'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { NegativeTrustAnchor } from './replies.ts'
import type { Terminal } from './terminal.ts'

/** `nta`: zones that are taken for unsigned for a while, because their signatures are broken (RFC 7646). */
export function addNta(program: Command, terminal: Terminal): void {
  const nta = program.command('nta').description('zones whose broken signatures are not looked at for a while')
  online(nta.command('list').description('the zones, and until when')).action(async (options: OnlineOptions) => {
    const anchors = await ask('nta.list', {}, options, terminal)
    if (options.json) printJson(anchors, terminal)
    else terminal.out(anchors.map(printAnchor).join('') || 'none\n')
  })
  addAdd(nta, terminal)
  addRemove(nta, terminal)
}

function addAdd(nta: Command, terminal: Terminal): void {
  online(nta.command('add').description('take a zone, with all below it, for unsigned'))
    .argument('<name>', 'the zone')
    .option('--for <duration>', 'for how long: 30m, 2h, 1d; a week at most', '1h')
    .option('--why <text>', 'why, for those who see it later')
    .action(async (name: string, options: OnlineOptions & { for: string; why?: string }) => {
      const { why } = options
      const args = { name: checkName(name), seconds: readSeconds(options.for), ...(why !== undefined && { why }) }
      const added = await ask('nta.add', args, options, terminal)
      if (options.json) printJson(added, terminal)
      else terminal.out(printAnchor(added))
    })
}

function addRemove(nta: Command, terminal: Terminal): void {
  online(nta.command('remove').description('validate a zone again'))
    .argument('<name>', 'the zone')
    .action(async (name: string, options: OnlineOptions) => {
      const removed = await ask('nta.remove', { name: checkName(name) }, options, terminal)
      if (options.json) printJson(removed, terminal)
      else terminal.out(`${removed.zone} is validated again\n`)
    })
}

function checkName(name: string): string {
  try {
    parseName(name)
    return name
  } catch (error) {
    throw new CliError((error as Error).message, 2)
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function readSeconds(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  if (!match) throw new CliError(`"${text}" is not a duration such as 30m, 2h or 1d`, 2)
  return Number(match[1]) * UNITS[match[2]!]!
}

function printAnchor({ zone, until, why, source }: NegativeTrustAnchor): string {
  return `${zone} until ${until}, by ${source}${why === undefined ? '' : `: ${why}`}\n`
}
