import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { Argument, Option } from 'commander'
import { parseName, printName } from '../dns/name.ts'
import { CliError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** Octets of secret by algorithm: as many as the digest has (RFC 2104 §3: fewer weaken it, more add nothing). */
const SECRET_LENGTH: Readonly<Record<string, number>> = {
  'hmac-sha256': 32,
  'hmac-sha384': 48,
  'hmac-sha512': 64,
  'hmac-sha224': 28,
  'hmac-sha1': 20,
  'hmac-md5': 16,
}

/** `keygen`: prints a new TSIG key. */
export function addKeygen(program: Command, terminal: Terminal): void {
  program
    .command('keygen')
    .description('print a new TSIG key in BIND syntax, usable with nsupdate -k and dig -k, and as secret: { file: … }')
    .addArgument(new Argument('<name>', 'the name of the key, as both sides write it'))
    .addOption(
      new Option('--algorithm <name>', 'the algorithm').choices(Object.keys(SECRET_LENGTH)).default('hmac-sha256'),
    )
    .option('--json', 'print it as JSON')
    .action((name: string, options: { algorithm: string; json?: boolean }) => {
      const key = createKey(keyName(name), options.algorithm)
      terminal.out(options.json ? `${JSON.stringify(key, undefined, 2)}\n` : printKey(key))
    })
}

/** A TSIG key as people exchange it. */
export interface SharedKey {
  name: string
  algorithm: string
  /** Base64. */
  secret: string
}

/** A new key with a random secret. */
export function createKey(name: string, algorithm = 'hmac-sha256'): SharedKey {
  return { name, algorithm, secret: randomBytes(SECRET_LENGTH[algorithm]!).toString('base64') }
}

/** BIND's `key {}` clause. */
export function printKey({ name, algorithm, secret }: SharedKey): string {
  return `key "${name}" {\n\talgorithm ${algorithm};\n\tsecret "${secret}";\n};\n`
}

function keyName(text: string): string {
  try {
    return printName(parseName(text)).slice(0, -1).toLowerCase()
  } catch (error) {
    throw new CliError((error as Error).message, 2)
  }
}
