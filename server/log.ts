import { type Logger, pino } from 'pino'
import type { Log } from '../host/log.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** JSON lines on stdout, ISO times, `level` as a word. `setLevel` holds for the logs that were made from it too. The only file that knows pino. */
export function createLog(
  level: Level,
  destination?: { write(line: string): void },
): { log: Log; setLevel: (level: Level) => void } {
  const options = {
    level: 'debug',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const threshold = { at: LEVELS.indexOf(level) }
  const setLevel = (to: Level) => {
    threshold.at = LEVELS.indexOf(to)
  }
  return { log: logAbove(threshold, pino(options, destination ?? stdout())), setLevel }
}

/** Milliseconds that a line may wait for others. */
const GATHERED = 10

/** Lines go out together: a write takes a thread of the pool and two changes of thread, more than the line took to be made. */
function stdout(): { write(line: string): void } {
  const out = pino.destination(1)
  let lines = ''
  const flush = () => {
    const text = lines
    lines = ''
    if (text !== '') out.write(text)
  }
  process.on('exit', flush)
  return {
    write(line) {
      if (lines === '') setTimeout(flush, GATHERED)
      lines += line
    },
  }
}

/** Not by pino's children: their level stays behind, and making one costs more than the one line that most of ours write. */
function logAbove(threshold: { at: number }, logger: Logger, bound: object = {}): Log {
  const write = (level: Level) => (fields: object, message: string) => {
    if (LEVELS.indexOf(level) >= threshold.at) logger[level]({ ...bound, ...fields }, message)
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: fields => logAbove(threshold, logger, { ...bound, ...fields }),
  }
}
