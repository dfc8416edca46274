import { stripVTControlCharacters, styleText } from 'node:util'

/** What a text means to its reader; no meaning is in the colour alone. */
const STYLES = { heading: 'bold', good: 'green', doubtful: 'yellow', bad: 'red', quiet: 'dim' } as const
export type Meaning = keyof typeof STYLES

/** The text as it is shown. */
export type Paint = (meaning: Meaning, text: string) => string

/** In colour, by ECMA-48's SGR. */
export const colourful: Paint = (meaning, text) => styleText(STYLES[meaning], text, { validateStream: false })

/** As it is. */
export const plain: Paint = (_meaning, text) => text

/** Whether what is written to a stream may be in colour: a terminal that can, and whoever set NO_COLOR (https://no-color.org) is heeded. */
export function mayColour(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  return isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
}

/** Cells that the text takes. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}

/** As much of the text as fits into so many cells; a colour that begins in it ends, too. */
export function cutTo(text: string, columns: number): string {
  let left = columns
  const parts = text.split(/(\u001b\[[\d;]*m)/)
  return parts
    .map((part, i) => {
      if (i % 2 === 1) return part
      const shown = part.slice(0, left)
      left -= shown.length
      return shown
    })
    .join('')
}
