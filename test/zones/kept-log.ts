import type { Log } from '../../host/log.ts'

/** A line of a log. */
export interface Logged {
  level: string
  fields: Record<string, unknown>
  message: string
}

/** A log that keeps what it is told, the fields of its ancestors taken in. */
export function keepLog(): { log: Log; logged: Logged[] } {
  const logged: Logged[] = []
  const withFields = (own: object): Log => {
    const keep = (level: string) => (fields: object, message: string) => {
      logged.push({ level, fields: { ...own, ...fields } as Record<string, unknown>, message })
    }
    return {
      debug: keep('debug'),
      info: keep('info'),
      warn: keep('warn'),
      error: keep('error'),
      child: fields => withFields({ ...own, ...fields }),
    }
  }
  return { log: withFields({}), logged }
}
