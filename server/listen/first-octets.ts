import type { Socket } from 'node:net'

/**
 * Reads what a connection begins with, for at most `patience` milliseconds. `take` is called with all that has come so far until it gives a result, which `done` gets;
 * what was not used up is read from the socket after that.
 */
export function readFirst<Result extends { length: number }>(
  socket: Socket,
  patience: number,
  take: (octets: Buffer) => Result | undefined | null,
  done: (result: Result) => void,
): void {
  let read = Buffer.alloc(0)
  const end = (): void => void socket.destroy()
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk; chunk = socket.read())
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk])
    const result = take(read)
    if (result === null) end()
    if (!result) return
    socket.off('readable', onReadable).off('error', end).off('timeout', end).setTimeout(0)
    if (read.length > result.length) socket.unshift(read.subarray(result.length))
    done(result)
  }
  socket.on('error', end).on('timeout', end).setTimeout(patience).on('readable', onReadable)
}
