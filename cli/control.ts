import { connect } from 'node:net'
import { LineReader } from '../host/lines.ts'
import { CliError } from './errors.ts'
import type { Replies } from './replies.ts'

/** The longest line that a daemon may send: an exported zone. */
const LONGEST_REPLY = 512 * 1024 * 1024

/** Sends one command to the daemon behind `socket`; resolves with its result. Throws CliError, exit 1 where nobody answers. */
export function request<C extends keyof Replies>(
  socket: string,
  command: C,
  args: Record<string, unknown> = {},
  onProgress: (progress: unknown) => void = () => {},
): Promise<Replies[C]> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket)
    const lines = new LineReader()
    connection.setEncoding('utf8')
    connection.once('connect', () => connection.write(`${JSON.stringify({ command, args })}\n`))
    connection.once('error', error => reject(unreachable(socket, error)))
    connection.once('close', () => reject(new CliError(`the daemon behind ${socket} closed the connection`, 1)))
    connection.on('data', (chunk: string) => {
      for (const line of lines.read(chunk)) {
        const reply = JSON.parse(line) as Reply
        if ('progress' in reply) onProgress(reply.progress)
        else {
          if (reply.ok) resolve(reply.result as Replies[C])
          else reject(new CliError(reply.errors, reply.exit))
          connection.end()
        }
      }
      if (lines.length > LONGEST_REPLY) connection.destroy()
    })
  })
}

type Reply = { progress: unknown } | { ok: true; result: unknown } | { ok: false; exit: 1 | 2; errors: string[] }

function unreachable(socket: string, error: NodeJS.ErrnoException): CliError {
  if (error.code === 'EACCES') return new CliError(`permission denied on ${socket}: run this as the daemon's user`, 1)
  return new CliError(`no daemon answers on ${socket}: is it running?`, 1)
}
