import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { reasonOf } from '../config/secret.ts'
import { CliError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** The passphrase in the file or, without one, in the environment variable; never in an argument, which others can read. */
export function passphraseFrom(file: string | undefined, variable: string, terminal: Terminal): string | undefined {
  return file === undefined ? terminal.env[variable] : textOf(file, terminal).replace(/\r?\n$/, '')
}

/** The text of a file that the command line names. Throws CliError. */
export function textOf(file: string, terminal: Terminal): string {
  try {
    return readFileSync(resolve(terminal.cwd, file), 'utf8')
  } catch (error) {
    throw new CliError(`${file} can't be read: ${reasonOf(error)}`, 2)
  }
}
