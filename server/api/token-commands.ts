import { readDuration } from '../../config/values.ts'
import type { Log } from '../../host/log.ts'
import { type Command, CommandError } from '../control/control.ts'
import { describeToken, type Tokens } from './tokens.ts'

/** `token.create`, `token.list`, `token.revoke`; `views` names those that there are now. */
export function tokenCommands(tokens: Tokens, views: () => readonly string[], log: Log): Record<string, Command> {
  return {
    'token.create': async args => {
      const wanted = {
        name: args['name'] === undefined ? undefined : String(args['name']),
        zones: textsOf(args['zones']) ?? [],
        roles: textsOf(args['roles']) ?? [],
        views: textsOf(args['views']),
        from: textsOf(args['from']),
        validity: validityOf(args['expires']),
      }
      const unknown = wanted.views?.find(view => !views().includes(view))
      if (unknown !== undefined) throw new CommandError(`there is no view ${unknown}`, 2)
      const { token, text } = await tokens.create(wanted)
      log.info({ audit: true, token: describeToken(token) }, 'API token made')
      return { token: text, ...describeToken(token) }
    },
    'token.list': () => tokens.list().map(describeToken),
    'token.revoke': async args => {
      const token = await tokens.revoke(String(args['name'] ?? ''))
      log.info({ audit: true, token: describeToken(token) }, 'API token revoked')
      return describeToken(token)
    },
  }
}

function textsOf(value: unknown): string[] | undefined {
  if (value === undefined) return undefined
  const texts = Array.isArray(value) ? value.map(String) : String(value).split(',')
  return texts.map(text => text.trim()).filter(text => text !== '')
}

function validityOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const validity = readDuration(String(value))
  if (validity === undefined) throw new CommandError(`"${value}" is not a duration such as 12h or 90d`, 2)
  return validity
}
