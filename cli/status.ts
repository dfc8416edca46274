import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Status, UpstreamState, Validation } from './replies.ts'
import { facts, type Terminal } from './terminal.ts'

/** `status`: the running daemon at a glance. */
export function addStatus(program: Command, terminal: Terminal): void {
  online(program.command('status').description('the running daemon at a glance')).action(
    async (options: OnlineOptions) => {
      const status = await ask('status', {}, options, terminal)
      if (options.json) printJson(status, terminal)
      else terminal.out(printStatus(status))
    },
  )
}

function describeValidation({ anchors, negative, problems }: Validation): [string, string][] {
  return [
    ['trust anchors', String(anchors.length)],
    ...negative.map(({ zone, until }): [string, string] => ['not validated', `${zone} until ${until}`]),
    ...problems.map((problem): [string, string] => ['validation', problem]),
  ]
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
    ...(status.upstreams ?? []).map(one => ['upstream', describeUpstream(one)] as const),
    ...(status.ca
      ? ([
          ['acme', status.ca.directory],
          ['root', `SHA-256 ${status.ca.root_sha256}`],
        ] as const)
      : []),
    ...(status.validation ? describeValidation(status.validation) : []),
  ])
}

function describeUpstream({ view, zone, upstream, state, round_trip: time, reason }: UpstreamState): string {
  const details = [...(time === undefined ? [] : [`${time} ms`]), ...(reason === undefined ? [] : [reason])]
  return `${upstream} for ${zone} in ${view}: ${state}${details.length > 0 ? ` (${details.join(', ')})` : ''}`
}
