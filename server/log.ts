import { pino } from 'pino'
import type { Log } from '../host/log.ts'

/** JSON lines on stdout, ISO times, `level` as a word. The only file that knows pino. */
export function createLog(level: string, destination?: { write(line: string): void }): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination ? pino(options, destination) : pino(options)
}
