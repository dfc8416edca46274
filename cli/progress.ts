import type { Terminal } from './terminal.ts'

/** A line that shows how far something is, and is gone when it is done. */
export interface ProgressBar {
  show(progress: unknown): void
  end(): void
}

const WIDTH = 30

/** On a terminal only: what goes into a file or to a program has no use for it. */
export function progressOn(terminal: Terminal): ProgressBar {
  if (!terminal.interactive) return { show() {}, end() {} }
  let shown = ''
  const draw = (line: string) => {
    if (line !== shown) terminal.err(`\r${line.padEnd(shown.length)}`)
    shown = line
  }
  return {
    show(progress) {
      const { what, share } = progress as { what: string; share: number }
      const done = Math.round(Math.min(1, Math.max(0, share)) * WIDTH)
      draw(`${what} [${'#'.repeat(done)}${'.'.repeat(WIDTH - done)}] ${Math.round(share * 100)} %`)
    },
    end() {
      if (shown !== '') terminal.err(`\r${' '.repeat(shown.length)}\r`)
      shown = ''
    },
  }
}
