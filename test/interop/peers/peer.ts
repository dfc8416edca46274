import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { logText, scratch, startPeer } from '../tools.ts'

/** A server of somebody else's on a loopback port, in a folder of its own. */
export interface Peer {
  port: number
  folder: string
  process: ChildProcess
  /** What it has logged so far. */
  log(): string
}

/** Files by their names in the peer's folder. */
export type Files = Readonly<Record<string, string>>

/** A folder with these files in it. */
export function folderWith(t: Test, files: Files): string {
  const folder = scratch(t)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** Where a server is that is not at 127.0.0.1 of this machine. */
export interface Place {
  address?: string
  /** The command that runs another, as in a network of its own. */
  within?: readonly string[]
}

/** Starts a program in its folder; it ends with the test. */
export function launch(
  t: Test,
  folder: string,
  port: number,
  command: readonly [program: string, ...args: string[]],
  within: readonly string[] = [],
): Peer {
  const log = join(folder, 'log')
  const [program, ...args] = [...within, ...command] as [string, ...string[]]
  return { port, folder, process: startPeer(t, program, args, log, folder), log: () => logText(log) }
}
