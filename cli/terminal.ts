import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { mayColour, widthOf } from './colour.ts'
import { openScreen, type Screen } from './screen.ts'

/** Where a command reads and writes: the process's own, or a test's. */
export interface Terminal {
  out(text: string | Uint8Array): void
  err(text: string): void
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** Whether somebody watches what `err` writes. */
  interactive?: boolean
  /** Whether what `out` writes may be in colour. */
  colours?: boolean
  /** Asks the person at the keyboard; absent where nobody is there. */
  ask?(question: string): Promise<string>
  /** The same, without showing what is typed. */
  askSecret?(question: string): Promise<string>
  /** Takes the whole terminal; gives nothing where there is none. */
  openScreen?(): Screen | undefined
}

/** The process's own streams. */
export function processTerminal(): Terminal {
  const interactive = process.stdin.isTTY && process.stderr.isTTY
  return {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    interactive: process.stderr.isTTY === true,
    colours: mayColour(process.stdout.isTTY === true, process.env),
    openScreen,
    ...(interactive ? { ask, askSecret } : {}),
  }
}

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await reader.question(question)).trim()
  } finally {
    reader.close()
  }
}

async function askSecret(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  process.stderr.write(question)
  try {
    return await reader.question('')
  } finally {
    reader.close()
    process.stderr.write('\n')
  }
}

/** Columns as wide as their widest cell, headings first; no trailing blanks. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number | boolean)[])[]): string {
  const cells = [headings, ...rows.map(row => row.map(String))]
  const widths = headings.map((_, column) => Math.max(...cells.map(row => widthOf(row[column]!))))
  return cells
    .map(
      row =>
        `${row
          .map((cell, i) => cell + ' '.repeat(widths[i]! - widthOf(cell)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** "name: value" lines with the values in one column. */
export function facts(pairs: readonly (readonly [string, string | number | boolean])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 1
  return pairs.map(([name, value]) => line(`${name}:`.padEnd(width), String(value))).join('')
}

function line(...cells: string[]): string {
  return `${cells.join(' ').trimEnd()}\n`
}

/** Who is at the keyboard, as the system or sudo tells: for the history of what is changed. */
export function byUser({ env }: Terminal): { source?: string } {
  const user = env['SUDO_USER'] || env['USER'] || env['LOGNAME']
  return user ? { source: user } : {}
}
