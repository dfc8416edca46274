import { Argument, type Command } from 'commander'
import { type Declaration, declarationsOf } from './declarations.ts'
import type { Terminal } from './terminal.ts'

/** `completion`: what a shell needs to complete our commands. */
export function addCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print a script that completes commands and options: source <(namestead completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) => {
      const commands = declarationsOf(program)
      terminal.out(shell === 'fish' ? fish(commands) : bash(commands, shell === 'zsh'))
    })
}

/** The words that may follow a command. */
function wordsAfter({ inner, options, args }: Declaration): string[] {
  return [...inner, ...args.flatMap(({ choices }) => [...choices]), ...options.map(({ long }) => long), '--help']
}

/** zsh takes what is made for bash. */
function bash(commands: readonly Declaration[], zsh: boolean): string {
  const cases = commands.map(
    one => `    ${quoted(one.path.join(' '))}) words=${quoted(wordsAfter(one).join(' '))} ;;\n`,
  )
  const paths = commands.map(({ path }) => quoted(path.join(' '))).join('|')
  return `${zsh ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_namestead() {
  local path='' word words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${path:+$path }\${COMP_WORDS[i]}"
    case "$word" in
      ${paths}) path="$word" ;;
    esac
  done
  case "$path" in
${cases.join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _namestead namestead
`
}

function fish(commands: readonly Declaration[]): string {
  const lines = commands.flatMap(one => {
    const when = conditionOf(one)
    const inner = commands.filter(
      ({ path }) => path.length === one.path.length + 1 && one.path.every((word, i) => path[i] === word),
    )
    return [
      ...inner.map(
        ({ path, description }) =>
          `complete -c namestead -f -n ${quoted(when)} -a ${path.at(-1)} -d ${quoted(description)}`,
      ),
      ...one.options.map(
        ({ long, description }) =>
          `complete -c namestead -n ${quoted(when)} -l ${long.replace(/^-+/, '')} -d ${quoted(description)}`,
      ),
    ]
  })
  return `${lines.join('\n')}\n`
}

/** Holds where the command line has this command and none of its inner ones. */
function conditionOf({ path, inner }: Declaration): string {
  const seen = path.map(word => `__fish_seen_subcommand_from ${word}`)
  const unseen = inner.length > 0 ? [`not __fish_seen_subcommand_from ${inner.join(' ')}`] : []
  return [...seen, ...unseen].join('; and ') || 'true'
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
