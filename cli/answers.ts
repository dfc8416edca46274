import { CliError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** Something that a command must know, from an option or from whoever sits at the terminal. */
export interface Question<T> {
  /** "--domain". */
  option: string
  text: string
  /** Taken where nobody says otherwise; left out: somebody has to. */
  otherwise?: string
  /** Throws where the text is no answer; the message says why. */
  read: (text: string) => T
}

/** How often a question is asked before it is given up. */
const TRIES = 3

/** The answer that was given as an option, or is given now. Throws CliError, exit 2, where there is none or it is wrong. */
export async function answer<T>(question: Question<T>, given: string | undefined, terminal: Terminal): Promise<T> {
  const { option, otherwise, read } = question
  if (given !== undefined) return readOnce(read, given)
  if (terminal.ask) return askFor(question, terminal)
  if (otherwise === undefined) throw new CliError(`name the ${option.slice(2)} with ${option}`, 2)
  return readOnce(read, otherwise)
}

async function askFor<T>({ text, otherwise, read }: Question<T>, terminal: Terminal): Promise<T> {
  const shown = otherwise === undefined ? `${text}: ` : `${text} [${otherwise}]: `
  for (let left = TRIES; ; left--) {
    const said = (await terminal.ask!(shown)) || otherwise || ''
    try {
      return read(said)
    } catch (error) {
      if (left <= 1) throw new CliError((error as Error).message, 2)
      terminal.err(`${(error as Error).message}\n`)
    }
  }
}

function readOnce<T>(read: Question<T>['read'], text: string): T {
  try {
    return read(text)
  } catch (error) {
    throw new CliError((error as Error).message, 2)
  }
}
