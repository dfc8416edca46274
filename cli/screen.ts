import { cutTo } from './colour.ts'

/** A terminal that shows something until whoever looks at it has had enough. */
export interface Screen {
  columns: number
  rows: number
  /** Waits so many milliseconds; false where a key says that it is enough. */
  wait(ms: number): Promise<boolean>
  /** Gives the terminal back as it was. */
  close(): void
}

const ESCAPE = '\u001b['
/** ECMA-48: the alternate screen without a cursor, and back. */
const OPEN = `${ESCAPE}?1049h${ESCAPE}?25l`
const CLOSE = `${ESCAPE}?25h${ESCAPE}?1049l`
/** To the first cell; whatever is behind what was written goes. */
export const HOME = `${ESCAPE}H`
const TO_END_OF_LINE = `${ESCAPE}K`
const TO_END = `${ESCAPE}J`

/** Lines as a picture over the one before: cut to the screen, and without a flicker. */
export function picture(lines: readonly string[], { columns, rows }: Pick<Screen, 'columns' | 'rows'>): string {
  const shown = lines.slice(0, rows - 1).map(line => `${cutTo(line, columns)}${TO_END_OF_LINE}\n`)
  return `${HOME}${shown.join('')}${TO_END}`
}

/** The process's own terminal, where its output is one; "q", Escape and Ctrl-C are enough. */
export function openScreen(): Screen | undefined {
  const { stdin, stdout } = process
  if (!stdout.isTTY || !stdin.isTTY) return undefined
  let isEnough = false
  let wake: () => void = () => {}
  const onKey = (key: Buffer) => {
    if (!['q', '\u0003', '\u001b'].includes(key.toString('latin1'))) return
    isEnough = true
    wake()
  }
  stdout.write(OPEN)
  stdin.setRawMode(true).on('data', onKey).resume()
  return {
    get columns() {
      return stdout.columns
    },
    get rows() {
      return stdout.rows
    },
    async wait(ms) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      const timer = setTimeout(resolve, isEnough ? 0 : ms)
      await promise
      clearTimeout(timer)
      return !isEnough
    },
    close() {
      stdin.off('data', onKey).setRawMode(false).pause()
      stdout.write(CLOSE)
    },
  }
}
