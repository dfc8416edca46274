import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { CliError } from './errors.ts'
import { parseCount } from './history.ts'
import { ask, type OnlineOptions, printJson } from './online.ts'
import type { ZoneDnssec, ZoneKey, ZoneKeys } from './replies.ts'
import { facts, type Terminal, table } from './terminal.ts'
import { named, target, type ZoneOptions } from './zone-arguments.ts'

/** `zone dnssec …`: the keys of a zone, and what operators do to them. */
export function addDnssec(zone: Command, terminal: Terminal): void {
  const dnssec = named(
    zone.command('dnssec').description("a zone's keys, the DS records for its parent, and when its signatures end"),
  ).action(async (name: string, options: ZoneOptions) => {
    const found = await ask('zone.dnssec', target(name, options), options, terminal)
    if (options.json) printJson(found, terminal)
    else terminal.out(printDnssec(found))
  })
  addRollover(dnssec, terminal)
  addDsSeen(dnssec, terminal)
  addImport(dnssec, terminal)
}

function addRollover(dnssec: Command, terminal: Terminal): void {
  dnssec
    .command('rollover')
    .description('let new keys take the place of those in use, without a gap')
    .argument('<zone>', 'the apex')
    .option('--key <tag>', 'only of the key with this tag', parseCount)
    .action(async (name: string, _: object, command: Command) => {
      const options: OnlineOptions & { key?: number } = command.optsWithGlobals()
      const args = { ...target(name, options), ...(options.key !== undefined && { key: options.key }) }
      report(await ask('zone.dnssec.rollover', args, options, terminal), 'the rollover has begun', options, terminal)
    })
}

function addDsSeen(dnssec: Command, terminal: Terminal): void {
  dnssec
    .command('ds-seen')
    .description('the parent zone has the DS that the zone asks for, and no other')
    .argument('<zone>', 'the apex')
    .action(async (name: string, _: object, command: Command) => {
      const options: OnlineOptions = command.optsWithGlobals()
      const done = await ask('zone.dnssec.ds-seen', target(name, options), options, terminal)
      report(done, 'noted', options, terminal)
    })
}

function addImport(dnssec: Command, terminal: Terminal): void {
  dnssec
    .command('import')
    .description('sign with keys of BIND, instead of new ones that nobody knows yet')
    .argument('<zone>', 'the apex')
    .argument('<file...>', 'Kzone.+alg+tag.key or .private; the other of the pair is read as well')
    .action(async (name: string, paths: string[], _: object, command: Command) => {
      const options: OnlineOptions = command.optsWithGlobals()
      const files = keyFiles(paths.map(path => resolve(terminal.cwd, path)))
      const done = await ask('zone.dnssec.import', { ...target(name, options), files }, options, terminal)
      report(done, 'the zone is signed with the imported keys', options, terminal)
    })
}

/** The pairs of which one file or the common part of both names is given. */
function keyFiles(paths: readonly string[]): { name: string; text: string }[] {
  const stems = new Set(paths.map(path => path.replace(/\.(key|private)$/, '')))
  return [...stems].flatMap(stem =>
    ['key', 'private'].map(extension => {
      const path = `${stem}.${extension}`
      try {
        return { name: basename(path), text: readFileSync(path, 'utf8') }
      } catch (error) {
        throw new CliError(`${path}: ${(error as NodeJS.ErrnoException).code ?? 'can not be read'}`, 2)
      }
    }),
  )
}

function report(done: ZoneKeys, what: string, options: OnlineOptions, terminal: Terminal): void {
  if (options.json) printJson(done, terminal)
  else terminal.out(`${done.zone}: ${what}; its keys are ${done.keys.join(', ') || 'none'}\n`)
}

function printDnssec(found: ZoneDnssec): string {
  const { zone, view, proofs, keys, ds, signatures, first_end: first, last_end: last } = found
  if (proofs === 'none' && keys.length === 0) return `${zone} in ${view} is not signed\n`
  const ends = signatures > 0 ? `, which end from ${first} to ${last}` : ''
  const rows = keys.map(key => [key.key_tag, key.algorithm, describeRole(key), key.stage ?? '-', describeNext(key)])
  return [
    facts([
      ['zone', zone],
      ['view', view],
      ['absence', proofs.toUpperCase()],
      ['signatures', `${signatures}${ends}`],
      ...(found.next_step ? [['next step', found.next_step] as const] : []),
    ]),
    table(['KEY', 'ALGORITHM', 'ROLE', 'STAGE', 'NEXT'], rows),
    ds.length > 0 ? `For the parent zone${found.ds_too_early ? ', later' : ''}:\n` : 'Nothing for the parent zone.\n',
    ...ds.map(line => `${line}\n`),
    ...(found.waiting_for_parent
      ? [`Unless it is found by asking, say once the parent has just that: zone dnssec ds-seen ${zone}\n`]
      : []),
  ].join('\n')
}

function describeRole({ role, flags }: ZoneKey): string {
  return role ? role.toUpperCase() : flags & 1 ? 'key set and parent' : 'zone data'
}

function describeNext({ next, next_at: at }: ZoneKey): string {
  if (!next) return '-'
  return at ? `${next}: ${at}` : next
}
