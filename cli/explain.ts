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
  port?: string
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
      '--port <port>',
      'where the hosts of the name are looked at over TLS, if we have issued a certificate for it',
      '443',
    )
    .option(
      '--update <change>',
      'a dry run: "add NAME TTL TYPE DATA" or "delete NAME [TYPE [DATA]]"; may be repeated',
      collect,
    )
    .action(async (name: string, type: string, options: ExplainOptions) => {
      checkQuestion(name, type, options)
      const { from, key, port } = options
      if (options.update) return explainUpdate(name, options, terminal)
      const args = { name, type, from, port, ...(key === undefined ? {} : { key }) }
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
    ...printCertificates(told.certificates),
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

function printCertificates(certified: Explanation['certificates']): [string, string][] {
  if (!certified) return []
  const { certificates, orders, refusals, rules, caa, challenge, endpoints } = certified
  return [
    ...certificates.map(({ serial, status, not_after, profile }): [string, string] => [
      'cert',
      `${serial}: ${status}, until ${not_after}, profile ${profile}`,
    ]),
    ...endpoints.map(({ address, port, serial, not_after, problem }): [string, string] => [
      'served',
      `${address} port ${port}: ${problem ?? `${serial}, until ${not_after}`}`,
    ]),
    ...orders.map(({ created, status, account, problem }): [string, string] => [
      'order',
      `${created} ${status}, account ${account}${problem === undefined ? '' : `: ${problem}`}`,
    ]),
    ...refusals.map(({ at, because }): [string, string] => ['refused', `${at}: ${because}`]),
    ...rules.map((rule): [string, string] => ['may', rule]),
    ...(rules.length === 0 ? [['may', 'nobody: no issue rule covers it'] as [string, string]] : []),
    ['caa', caa],
    ['dns-01', `${challenge.name} TXT: ${challenge.records.join(' ') || challenge.rcode}`],
  ]
}
