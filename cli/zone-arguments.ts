import type { Command } from 'commander'
import { type Name, parseName } from '../dns/name.ts'
import { CliError } from './errors.ts'
import { type OnlineOptions, online } from './online.ts'

/** What every command takes that is about one zone. */
export interface ZoneOptions extends OnlineOptions {
  view?: string
}

/** A name as somebody typed it; CliError where it is none. */
export function nameOf(text: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    throw new CliError((error as Error).message, 2)
  }
}

/** A command about a zone of the running daemon, and with a file where one is named. */
export function named(command: Command, file?: string): Command {
  command.argument('<zone>', 'the apex')
  if (file) command.argument(file, 'the master file')
  return online(command).option('--view <view>', 'the view, where several have a zone of this name')
}

/** The zone that is meant, for the daemon. */
export function target(zone: string, { view }: ZoneOptions): Record<string, unknown> {
  nameOf(zone)
  return { zone, ...(view === undefined ? {} : { view }) }
}
