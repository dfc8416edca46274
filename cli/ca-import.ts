import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { reasonOf } from '../config/secret.ts'
import { authority, type IssuerOptions, issuerOf, issuing } from './ca-issuer.ts'
import { CliError } from './errors.ts'
import { ask, online, printJson } from './online.ts'
import { passphraseFrom } from './passphrase.ts'
import { facts, type Terminal } from './terminal.ts'

interface ImportOptions extends IssuerOptions {
  passphraseFile?: string
}

/** The passphrase of a PKCS#12 file, where a file would be one too many. */
const VARIABLE = 'NAMESTEAD_PKCS12_PASSPHRASE'

/** `ca import`: what was signed or made elsewhere. */
export function addImport(ca: Command, terminal: Terminal): void {
  const described = ca
    .command('import')
    .description('take up the intermediate that an offline root has signed, or one with its key')
  issuing(online(described).argument('<file>', 'its certificate in PEM, or a PKCS#12 file that holds its key, too'))
    .option(
      '--passphrase-file <file>',
      `the passphrase of the PKCS#12 file; or in ${VARIABLE}; left out: asked for where there is a terminal`,
    )
    .action(async (file: string, options: ImportOptions) => {
      const args = { ...issuerOf(options), ...(await contentOf(file, options, terminal)) }
      const taken = await ask('ca.import', args, options, terminal)
      if (options.json) printJson(taken, terminal)
      else terminal.out(facts(authority('intermediate', taken)))
    })
}

async function contentOf(
  file: string,
  { passphraseFile }: ImportOptions,
  terminal: Terminal,
): Promise<{ certificate: string } | { pkcs12: string; passphrase: string }> {
  const octets = octetsOf(file, terminal)
  if (octets.includes('-----BEGIN ')) return { certificate: octets.toString() }
  const passphrase =
    passphraseFrom(passphraseFile, VARIABLE, terminal) ?? (await terminal.askSecret?.(`Passphrase of ${file}: `))
  if (passphrase === undefined)
    throw new CliError(
      `${file} is not PEM: give the passphrase of a PKCS#12 file by --passphrase-file or ${VARIABLE}`,
      2,
    )
  return { pkcs12: octets.toString('base64'), passphrase }
}

function octetsOf(file: string, { cwd }: Terminal): Buffer {
  try {
    return readFileSync(resolve(cwd, file))
  } catch (error) {
    throw new CliError(`${file}: ${reasonOf(error)}`, 2)
  }
}
