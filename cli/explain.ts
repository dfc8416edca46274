import type { Command } from 'commander'
import { addressBytes } from '../config/address.ts'
import { parseName } from '../dns/name.ts'
import { typeCode } from '../dns/types.ts'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Explanation, UpdateExplanation } from './replies.ts'
import type { Terminal } from './terminal.ts'

interface ExplainOptions extends OnlineOptions {
  from?: string
  key?: string
  update?: string[]
}

/** `explain`: what a client gets for a name, from where, and why. */
export function addExplain(program: Command, terminal: Terminal): void {
  online(program.command('explain').description('what a client gets for a name, from where, and why'))
    .argument('<name>', 'the domain name')
    .argument('[type]', 'the record type', 'A')
    .option('--from <ip>', "the client's address", '127.0.0.1')
    .option('--key <name>', 'the TSIG key that the client signs with')
    .option(
      '--update <change>',
      'a dry run: "add NAME TTL TYPE DATA" or "delete NAME [TYPE [DATA]]"; may be repeated',
      collect,
    )
    .action(async (name: string, type: string, options: ExplainOptions) => {
      checkQuestion(name, type, options)
      const { from, key } = options
      if (options.update) return explainUpdate(name, options, terminal)
      const args = { name, type, from, ...(key === undefined ? {} : { key }) }
      const told = await ask('explain', args, options, terminal)
      if (options.json) printJson(told, terminal)
      else terminal.out(printExplanation(told))
    })
}

/** Commander's way to let an option be repeated. */
function collect(one: string, others: string[] = []): string[] {
  return [...others, one]
}

async function explainUpdate(name: string, options: ExplainOptions, terminal: Terminal): Promise<void> {
  const { from, key, update: updates } = options
  const told = await ask(
    'explain.update',
    { name, from, updates, ...(key !== undefined && { key }) },
    options,
    terminal,
  )
  if (options.json) printJson(told, terminal)
  else terminal.out(printTrial(told))
}

function printTrial(told: UpdateExplanation): string {
  const lines = [
    told.name,
    `├─ view    ${told.view ?? 'none'}${told.because ? ` (${told.because})` : ''}`,
    `├─ zone    ${told.zone ?? 'none'}`,
    ...told.updates.map(({ update, rule }) => `├─ update  ${update}${rule === undefined ? '' : ` (rule ${rule})`}`),
    ...told.ignored.map(what => `├─ ignored ${what}`),
    told.allowed ? `└─ allowed: ${told.added} added, ${told.deleted} deleted` : `└─ ${told.rcode}: ${told.reason}`,
  ]
  return `${lines.join('\n')}\n`
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
  const { name, type, verdict, view, because, source, steps, notes, zone, owner, changed, elsewhere, rcode, answer } =
    told
  const branches = [
    ['view', `${view ?? 'none'} (${because})`],
    ['source', source],
    ...(zone ? [['zone', `${zone.kind}, ${zone.serial === null ? 'nothing to serve' : `serial ${zone.serial}`}`]] : []),
    ...steps.map(step => ['step', step]),
    ...notes.map(note => ['note', note]),
    ...(owner === undefined ? [] : [['owner', owner]]),
    ...(changed ? [['changed', `${changed.at} by ${changed.by}, serial ${changed.serial}`]] : []),
    ...elsewhere.map(other => ['others', `view ${other.view}: ${other.same ? 'the same' : printAnswer(other)}`]),
  ] as [string, string][]
  const lines = [
    `${name} ${type}: ${verdict.text}`,
    ...branches.map(([what, text]) => `├─ ${what.padEnd(8)}${text}`),
    `└─ ${rcode}`,
    ...answer.map(record => `   ${record}`),
  ]
  return `${lines.join('\n')}\n`
}

function printAnswer({ rcode, answer }: { rcode: string; answer: string[] }): string {
  return answer.length > 0 ? answer.join('; ') : rcode
}
