import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { run } from '../../cli/main.ts'
import type { Terminal } from '../../cli/terminal.ts'
import { silentLog } from '../../host/log.ts'
import { type Command, listenControl } from '../../server/control/control.ts'
import { scratchFolder } from '../scratch.ts'

/** What a command line printed and how it ended. */
export interface Outcome {
  exit: number
  out: string
  err: string
}

/** Runs a command line in `cwd`; questions are answered in their order. */
export async function type(
  cwd: string,
  argv: readonly string[],
  answers?: string[],
  env: Terminal['env'] = {},
): Promise<Outcome> {
  const outcome = { exit: 0, out: '', err: '' }
  const answer = async () => answers?.shift() ?? ''
  const terminal: Terminal = {
    out: text => {
      outcome.out += typeof text === 'string' ? text : Buffer.from(text).toString('latin1')
    },
    err: text => {
      outcome.err += text
    },
    env,
    cwd,
    ...(answers ? { ask: answer, askSecret: answer } : {}),
  }
  outcome.exit = await run(argv, terminal)
  return outcome
}

/** A directory with these files, gone after the test. */
export function scratch(t: Test, files: Record<string, string>): string {
  const cwd = scratchFolder(t)
  for (const [path, content] of Object.entries(files)) put(cwd, path, content)
  return cwd
}

/** A directory with a config whose daemon is played by `commands`; `asked` is what came in. */
export async function playDaemon(
  t: Test,
  commands: Record<string, Command>,
): Promise<{ cwd: string; asked: [string, object][] }> {
  const cwd = scratch(t, { 'namestead.yaml': 'data_dir: ./state\n' })
  const asked: [string, object][] = []
  mkdirSync(join(cwd, 'state'))
  const noted = Object.entries(commands).map(([name, command]): [string, Command] => [
    name,
    (args, progress) => {
      asked.push([name, args])
      return command(args, progress)
    },
  ])
  const server = await listenControl(join(cwd, 'state', 'control.sock'), Object.fromEntries(noted), silentLog)
  t.teardown(() => server.close())
  return { cwd, asked }
}

/** Writes a file into a test's directory. */
export function put(cwd: string, path: string, content: string): void {
  writeFileSync(join(cwd, path), content)
}
