import type { ServerResponse } from 'node:http'
import type { Watcher } from '../live/live.ts'

/** Octets that may wait for a reader; one that is slower is cut off, and comes again. */
const MOST_WAITING = 1 << 20

/** Somebody who watches by server-sent events, as long as `stillHolds` says that they may; it is asked at each event. */
export function createWatcher(
  raw: Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'writableLength'>,
  queries: boolean,
  stillHolds: () => boolean,
): Watcher {
  let over = false
  const end = (): void => {
    over = true
    raw.end()
  }
  return {
    queries,
    end,
    send(event, data) {
      // What is written behind the end is an error of the response that nobody hears, and that ends the process.
      if (over) return
      if (!stillHolds()) end()
      else if (raw.writableLength <= MOST_WAITING) raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      else {
        // Who does not read sees no end either, and would be waited for.
        over = true
        raw.destroy()
      }
    },
  }
}
