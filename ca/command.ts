/** A command that can't be done, as the control socket tells it; `exit` as in the contract: 1 it failed, 2 the input is wrong. */
export class CaCommandError extends Error {
  override name = 'CaCommandError'
  readonly code = 'ca-command'
  readonly exit: 1 | 2
  readonly errors: readonly string[]
  constructor(message: string | readonly string[], exit: 1 | 2 = 2) {
    const errors = typeof message === 'string' ? [message] : message
    super(errors.join('; '))
    this.exit = exit
    this.errors = errors
  }
}

/** Commands of the control socket by name; `cli/replies.ts` says what each gives. */
export type CaCommands = Readonly<Record<string, (args: Record<string, unknown>) => Promise<unknown>>>
