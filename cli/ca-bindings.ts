import { Argument, type Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import { facts, type Terminal, table } from './terminal.ts'

/** `ca eab …`: external account binding. */
export function addBindings(ca: Command, terminal: Terminal): void {
  const eab = ca.command('eab').description('keys that bind ACME accounts to their holders (RFC 8555 §7.3.4)')
  online(eab.command('create').description('make a key; its secret is shown this once'))
    .addArgument(new Argument('<name>', 'its holder, for issue rules and the log'))
    .action(async (name: string, options: OnlineOptions) => {
      const made = await ask('ca.eab.create', { name }, options, terminal)
      if (options.json) return printJson(made, terminal)
      terminal.out(
        facts([
          ['name', made.name],
          ['key id', made.kid],
          ['hmac key', made.hmac_key],
        ]),
      )
    })
  online(eab.command('list').description('the keys, without their secrets')).action(async (options: OnlineOptions) => {
    const keys = await ask('ca.eab.list', {}, options, terminal)
    if (options.json) return printJson(keys, terminal)
    const rows = keys.map(one => [one.kid, one.name, one.created_at, one.revoked_at ?? ''])
    terminal.out(table(['KEY ID', 'NAME', 'CREATED', 'REVOKED'], rows))
  })
  online(eab.command('revoke').description('make a key hold no longer; its accounts may order nothing'))
    .addArgument(new Argument('<key-id>', 'the id of the key'))
    .action(async (kid: string, options: OnlineOptions) => {
      const done = await ask('ca.eab.revoke', { kid }, options, terminal)
      if (options.json) printJson(done, terminal)
      else terminal.out(`${done.kid} revoked\n`)
    })
}
