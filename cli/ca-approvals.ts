import { Argument, type Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import { type Terminal, table } from './terminal.ts'

interface ApprovalOptions extends OnlineOptions {
  all?: boolean
  deny?: boolean
  days?: string
}

/** `ca approve`: a person's word on names that ask for it. */
export function addApprovals(ca: Command, terminal: Terminal): void {
  online(
    ca.command('approve').description('approve a name that waits for a person; without an id, list those that wait'),
  )
    .addArgument(new Argument('[id]', 'of the request, as the refusal names it'))
    .option('--deny', 'deny it instead')
    .option('--days <days>', 'how long the approval holds (365)')
    .option('--all', 'list those that are decided, too')
    .action(async (id: string | undefined, options: ApprovalOptions) => {
      if (id === undefined) return list(options, terminal)
      const { deny, days } = options
      const asked = { id, ...(deny && { deny }), ...(days !== undefined && { days: Number(days) }) }
      const decided = await ask('ca.approve', asked, options, terminal)
      if (options.json) return printJson(decided, terminal)
      const until = decided.until === undefined ? '' : ` until ${decided.until}`
      terminal.out(`${decided.name} for account ${decided.account}: ${decided.status}${until}\n`)
    })
}

async function list(options: ApprovalOptions, terminal: Terminal): Promise<void> {
  const approvals = await ask('ca.approvals', { ...(options.all && { all: true }) }, options, terminal)
  if (options.json) return printJson(approvals, terminal)
  const rows = approvals.map(one => [one.id, one.status, one.requested_at, one.account, one.name, one.because])
  terminal.out(table(['ID', 'STATUS', 'ASKED', 'ACCOUNT', 'NAME', 'BECAUSE'], rows))
}
