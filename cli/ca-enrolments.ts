import { Argument, type Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Enrolment } from './replies.ts'
import { facts, type Terminal, table } from './terminal.ts'

interface EnrolmentOptions extends OnlineOptions {
  names?: string[]
  addresses?: string[]
  issuer?: string
  profile?: string
  uses?: string
  validity?: string
}

/** `ca enrolment …`: secrets by which devices enrol that speak no ACME. */
export function addEnrolments(ca: Command, terminal: Terminal): void {
  const enrolment = ca.command('enrolment').description('secrets by which devices enrol that speak no ACME')
  online(enrolment.command('create').description('make a secret; it is shown this once'))
    .addArgument(new Argument('<name>', 'its holder, as `key` in issue rules and in the log'))
    .option('--names <patterns...>', 'the names that it may be used for')
    .option('--addresses <blocks...>', 'the addresses that it may be')
    .option('--issuer <issuer>', 'the one issuer that it is for; left out: any')
    .option('--profile <profile>', 'how its certificates are made; left out: the first profile')
    .option('--uses <number>', 'how many first certificates may be had by it, 0 for any number; left out: ca.enrolment')
    .option('--validity <duration>', 'for how long it holds, 0s for ever; left out: ca.enrolment')
    .action(async (name: string, { config, json, ...wishes }: EnrolmentOptions) => {
      const made = await ask('ca.enrolment.create', { name, ...wishes }, { ...(config && { config }) }, terminal)
      if (json) return printJson(made, terminal)
      terminal.out(facts([['id', made.id], ...factsOf(made), ['secret', made.secret]]))
    })
  online(enrolment.command('list').description('the secrets, without what they are')).action(
    async (options: OnlineOptions) => {
      const all = await ask('ca.enrolment.list', {}, options, terminal)
      if (options.json) return printJson(all, terminal)
      const rows = all.map(one => [
        one.id,
        one.name,
        usesOf(one),
        one.expires_at ?? '',
        one.revoked_at ?? '',
        covered(one),
      ])
      terminal.out(table(['ID', 'NAME', 'USES', 'UNTIL', 'REVOKED', 'FOR'], rows))
    },
  )
  online(enrolment.command('revoke').description('make a secret hold no longer; what was had by it is not renewed'))
    .addArgument(new Argument('<id>', 'of the secret'))
    .action(async (id: string, options: OnlineOptions) => {
      const done = await ask('ca.enrolment.revoke', { id }, options, terminal)
      if (options.json) printJson(done, terminal)
      else terminal.out(`${done.id} revoked\n`)
    })
}

function factsOf(one: Enrolment): [string, string][] {
  return [
    ['name', one.name],
    ['for', covered(one)],
    ['uses', usesOf(one)],
    ['until', one.expires_at ?? 'it is revoked'],
  ]
}

function covered({ names, addresses }: Enrolment): string {
  return [...names, ...addresses].join(' ')
}

function usesOf({ used, uses }: Enrolment): string {
  return `${used} of ${uses ?? 'any number'}`
}
