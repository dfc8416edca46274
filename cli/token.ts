import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { ApiToken } from './replies.ts'
import { facts, type Terminal, table } from './terminal.ts'

interface CreateOptions extends OnlineOptions {
  zones: string
  role: string
  views?: string
  from?: string
  name?: string
  expires?: string
}

/** `token …`: who may use the HTTP API, and for what. */
export function addToken(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('tokens of the HTTP API')
  online(token.command('create').description('make a token; it is shown this once'))
    .requiredOption('--zones <patterns>', 'the zones it is for, as name patterns: a.example,**.b.example; ** is all')
    .option('--role <roles>', 'read, write or admin, each with what is before it', 'read,write')
    .option('--views <views>', 'the views it is for; left out: all')
    .option('--from <blocks>', 'the addresses it may be used from, as 10.0.0.0/8,192.0.2.1; left out: anywhere')
    .option('--name <name>', 'its holder, for history and log')
    .option('--expires <duration>', 'how long it holds, as 90d; left out: until it is revoked')
    .action(async (options: CreateOptions) => {
      const { zones, role: roles, views, from, name, expires } = options
      const made = await ask('token.create', { zones, roles, views, from, name, expires }, options, terminal)
      if (options.json) return printJson(made, terminal)
      terminal.out(facts([['token', made.token], ...described(made)]))
    })
  online(token.command('list').description('the tokens, without their secrets')).action(
    async (options: OnlineOptions) => {
      const tokens = await ask('token.list', {}, options, terminal)
      if (options.json) return printJson(tokens, terminal)
      const rows = tokens.map(one => [
        ...[one.name, one.roles.join(','), one.zones.join(','), one.views?.join(',') ?? 'all'],
        ...[one.from?.join(',') ?? 'anywhere', one.created_at, one.expires_at ?? 'never'],
      ])
      terminal.out(table(['NAME', 'ROLES', 'ZONES', 'VIEWS', 'FROM', 'CREATED', 'EXPIRES'], rows))
    },
  )
  online(token.command('revoke').description('make a token hold no longer'))
    .argument('<name>', 'its name or id')
    .action(async (name: string, options: OnlineOptions) => {
      const gone = await ask('token.revoke', { name }, options, terminal)
      if (options.json) printJson(gone, terminal)
      else terminal.out(`${gone.name} revoked\n`)
    })
}

function described({ name, roles, zones, views, from, expires_at: expires }: ApiToken): [string, string][] {
  return [
    ['name', name],
    ['roles', roles.join(', ')],
    ['zones', zones.join(', ')],
    ...(views ? [['views', views.join(', ')] as [string, string]] : []),
    ...(from ? [['from', from.join(', ')] as [string, string]] : []),
    ...(expires === undefined ? [] : [['expires', expires] as [string, string]]),
  ]
}
