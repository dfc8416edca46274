import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { LogLine } from './messages.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]

/** Lines a thread may send to main in a second; a flood of bad requests must not become one of log lines. */
const MOST_PER_SECOND = 200
const SECOND = 1000

/** The log of a serving thread: lines of at least `level()` go to main, which writes them. */
export function createThreadLog(post: (line: LogLine) => void, level: () => Level, clock: Clock): Log {
  let second = 0
  let sent = 0
  let suppressed = 0
  const allow = (): boolean => {
    const now = Math.floor(clock.monotonic() / SECOND)
    if (now !== second) {
      if (suppressed > 0)
        post({ kind: 'log', level: 'warn', fields: { lines: suppressed }, message: 'log lines suppressed' })
      second = now
      sent = 0
      suppressed = 0
    }
    if (sent++ < MOST_PER_SECOND) return true
    suppressed++
    return false
  }
  const logWith = (bound: object): Log => {
    const write = (at: Level) => (fields: object, message: string) => {
      if (LEVELS.indexOf(at) < LEVELS.indexOf(level()) || !allow()) return
      post({ kind: 'log', level: at, fields: { ...bound, ...fields }, message })
    }
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: fields => logWith({ ...bound, ...fields }),
    }
  }
  return logWith({})
}
