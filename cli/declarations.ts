import type { Command } from 'commander'

/** A command as it was declared, for whatever is made from that: completion, manual pages. */
export interface Declaration {
  /** Its words, without the program's own. */
  path: string[]
  description: string
  /** As they are written: "<file>", "[dir]". */
  args: { term: string; description: string; choices: readonly string[] }[]
  options: { long: string; term: string; description: string; choices: readonly string[] }[]
  inner: string[]
}

/** Every command of a program, the program itself first, in the order of their declaration. */
export function declarationsOf(command: Command, path: readonly string[] = []): Declaration[] {
  const own: Declaration = {
    path: [...path],
    description: command.description(),
    args: command.registeredArguments.map(one => ({
      term: one.required ? `<${one.name()}>` : `[${one.name()}]`,
      description: one.description,
      choices: one.argChoices ?? [],
    })),
    options: command.options.map(one => ({
      long: one.long ?? one.short!,
      term: one.flags,
      description: one.description,
      choices: one.argChoices ?? [],
    })),
    inner: command.commands.map(one => one.name()),
  }
  return [own, ...command.commands.flatMap(one => declarationsOf(one, [...path, one.name()]))]
}
