import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { CaCommandError } from '../../ca/command.ts'
import { TextError } from '../../dns/errors.ts'
import { type Name, parseName } from '../../dns/name.ts'
import { LineReader } from '../../host/lines.ts'
import type { Log } from '../../host/log.ts'

/** One command of the control socket. Throws CommandError for what the user did wrong. */
export type Command = (args: Record<string, unknown>, progress: (value: unknown) => void) => unknown | Promise<unknown>

/** A failure to be shown to the user as it stands; `exit` as in the contract: 1 it failed, 2 the input is wrong. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly errors: readonly string[]
  readonly exit: 1 | 2
  constructor(errors: string | readonly string[], exit: 1 | 2 = 1) {
    const list = typeof errors === 'string' ? [errors] : errors
    super(list.join('; '))
    this.errors = list
    this.exit = exit
  }
}

/** The domain name that a command is given. Throws CommandError. */
export function nameArgument(value: unknown): Name {
  try {
    return parseName(String(value ?? ''))
  } catch (error) {
    if (!(error instanceof TextError)) throw error
    throw new CommandError(error.message, 2)
  }
}

/** A request is one line; longer ones (a zone to import) are cut off. */
const LONGEST_REQUEST = 64 * 1024 * 1024

/**
 * Serves the control socket: newline-delimited JSON, one `{command, args}` a line, answered by any number of `{progress}` lines and one
 * `{ok, …}` line. Mode 0600: who may open it may do everything.
 */
export async function listenControl(
  path: string,
  commands: Readonly<Record<string, Command>>,
  log: Log,
): Promise<Server> {
  await removeStale(path)
  const server = createServer({ allowHalfOpen: true }, socket => serveConnection(socket, commands, log))
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  } finally {
    process.umask(before)
  }
  chmodSync(path, 0o600)
  return server
}

/** Whether a daemon listens on that control socket. */
export function isAnswering(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
}

/** Removes what a killed daemon left; refuses where one still answers. */
async function removeStale(path: string): Promise<void> {
  if (await isAnswering(path))
    throw new CommandError(`another namestead already runs on ${path}: stop it first, or use another data_dir`)
  rmSync(path, { force: true })
}

function serveConnection(socket: Socket, commands: Readonly<Record<string, Command>>, log: Log): void {
  const lines = new LineReader()
  let queue = Promise.resolve()
  socket.setEncoding('utf8')
  socket.on('error', error => log.debug({ error: error.message }, 'control connection failed'))
  socket.on('data', (chunk: string) => {
    for (const line of lines.read(chunk)) queue = queue.then(() => serveLine(line, socket, commands, log))
    if (lines.length > LONGEST_REQUEST) socket.destroy()
  })
  socket.on('end', () => void queue.then(() => socket.end()))
}

async function serveLine(
  line: string,
  socket: Socket,
  commands: Readonly<Record<string, Command>>,
  log: Log,
): Promise<void> {
  const send = (value: object) => {
    if (socket.writable) socket.write(`${JSON.stringify(value)}\n`)
  }
  try {
    const { command, args } = readRequest(line)
    const run = Object.hasOwn(commands, command) ? commands[command] : undefined
    if (!run) throw new CommandError(`this daemon knows no command "${command}"`, 2)
    log.debug({ command }, 'control command')
    send({ ok: true, result: (await run(args, progress => send({ progress }))) ?? null })
  } catch (error) {
    if (error instanceof CommandError || error instanceof CaCommandError)
      return send({ ok: false, exit: error.exit, errors: error.errors })
    log.error({ err: error }, 'control command failed')
    send({ ok: false, exit: 1, errors: [error instanceof Error ? error.message : String(error)] })
  }
}

function readRequest(line: string): { command: string; args: Record<string, unknown> } {
  let request: unknown
  try {
    request = JSON.parse(line)
  } catch {
    throw new CommandError('the request is not JSON', 2)
  }
  const { command, args } = (request ?? {}) as { command?: unknown; args?: unknown }
  if (typeof command !== 'string') throw new CommandError('the request names no command', 2)
  return { command, args: typeof args === 'object' && args !== null ? (args as Record<string, unknown>) : {} }
}
