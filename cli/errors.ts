/** A failure to be shown as it stands; `exit` 1 where it failed, 2 where the input is wrong. */
export class CliError extends Error {
  override name = 'CliError'
  readonly lines: readonly string[]
  readonly exit: 1 | 2
  constructor(lines: string | readonly string[], exit: 1 | 2) {
    const list = typeof lines === 'string' ? [lines] : lines
    super(list.join('\n'))
    this.lines = list
    this.exit = exit
  }
}
