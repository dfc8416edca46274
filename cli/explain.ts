import type { Command } from 'commander'
import { addressBytes } from '../config/address.ts'
import { parseName } from '../dns/name.ts'
import { typeCode } from '../dns/types.ts'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Explanation } from './replies.ts'
import type { Terminal } from './terminal.ts'

interface ExplainOptions extends OnlineOptions {
  from?: string
  key?: string
}

/** `explain`: what a client gets for a name, from where, and why. */
export function addExplain(program: Command, terminal: Terminal): void {
  online(program.command('explain').description('what a client gets for a name, from where, and why'))
    .argument('<name>', 'the domain name')
    .argument('[type]', 'the record type', 'A')
    .option('--from <ip>', "the client's address", '127.0.0.1')
    .option('--key <name>', 'the TSIG key that the client signs with')
    .action(async (name: string, type: string, options: ExplainOptions) => {
      checkQuestion(name, type, options)
      const { from, key } = options
      const args = { name, type, from, ...(key === undefined ? {} : { key }) }
      const told = await ask('explain', args, options, terminal)
      if (options.json) printJson(told, terminal)
      else terminal.out(printExplanation(told))
    })
}

function checkQuestion(name: string, type: string, { from }: ExplainOptions): void {
  try {
    parseName(name)
  } catch (error) {
    throw new CliError((error as Error).message, 2)
  }
  if (typeCode(type) === undefined) throw new CliError(`"${type}" is not a record type`, 2)
  if (from !== undefined && !addressBytes(from)) throw new CliError(`"${from}" is not an IP address`, 2)
}

function printExplanation(told: Explanation): string {
  const lines = [
    `${told.name} ${told.type}`,
    `├─ view    ${told.view ?? 'none'} (${told.because})`,
    `├─ source  ${told.source}`,
    ...told.notes.map(note => `├─ note    ${note}`),
    ...(told.owner ? [`├─ owner   ${told.owner}`] : []),
    `└─ ${told.rcode}`,
    ...told.answer.map(record => `   ${record}`),
  ]
  return `${lines.join('\n')}\n`
}
