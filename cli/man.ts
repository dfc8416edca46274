import type { Command } from 'commander'
import { VERSION } from '../host/version.ts'
import { type Declaration, declarationsOf } from './declarations.ts'
import type { Terminal } from './terminal.ts'

/** `man`: the manual page, for \`man -l -\` or a package. */
export function addMan(program: Command, terminal: Terminal): void {
  program
    .command('man')
    .description('print the manual page: namestead man | man -l -')
    .action(() => terminal.out(printManPage(declarationsOf(program))))
}

/** The page of all commands in man(7)'s language. */
export function printManPage([program, ...commands]: readonly Declaration[]): string {
  return `.TH NAMESTEAD 1 "" "namestead ${VERSION}" "namestead"
.SH NAME
namestead \\- ${escaped(program!.description)}
.SH SYNOPSIS
.B namestead
.I command
[\\fIoptions\\fR]
.SH COMMANDS
${commands
  .filter(({ inner }) => inner.length === 0)
  .map(printCommand)
  .join('')}.SH EXIT STATUS
0 done; 1 it failed; 2 the input (arguments, configuration, zone file) is wrong.
.SH ENVIRONMENT
.TP
.B NAMESTEAD_CONFIG
The configuration, where \\fB\\-\\-config\\fR is not given.
.SH FILES
.I ./namestead.yaml
.br
.I /etc/namestead/namestead.yaml
`
}

function printCommand({ path, args, options, description }: Declaration): string {
  const terms = args.map(({ term }) => ` \\fI${escaped(term)}\\fR`).join('')
  const items = [...args, ...options].map(one => `.TP\n.B ${escaped(one.term)}\n${sentence(one)}`)
  return `.SS "namestead ${path.join(' ')}${terms}"\n${escaped(description)}\n${items.join('')}`
}

function sentence({ description, choices }: { description: string; choices: readonly string[] }): string {
  return `${escaped(description)}${choices.length > 0 ? ` (${choices.join(', ')})` : ''}\n`
}

/** A hyphen would be typeset, a dot or quote at the start of a line would be a request, and not every troff reads UTF-8. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(['.])/, '\\&$1')
    .replace(/[^ -~]/gu, char => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`)
}
