import { inLargestUnit, UNITS } from './largest-unit.ts'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
const moment = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat('sv', { dateStyle: 'short' })

export function count(value: number): string {
  return whole.format(value)
}

/** Of something that happens so often in a second. */
export function rate(value: number): string {
  return value === 0 ? '0' : value < 100 ? short.format(value) : whole.format(value)
}

export function percent(share: number | null): string {
  return share === null ? '–' : `${short.format(share * 100)} %`
}

/** Seconds as one reads them. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '–'
  if (seconds === 0) return '0'
  if (seconds < 0.001) return `${short.format(seconds * 1e6)} µs`
  return seconds < 1 ? `${short.format(seconds * 1e3)} ms` : `${short.format(seconds)} s`
}

/** Date and time of here. */
export function time(iso: string | number): string {
  return moment.format(new Date(iso))
}

export function date(iso: string): string {
  return day.format(new Date(iso))
}

/** "in 12 d", "3 h ago". */
export function distance(iso: string, now = Date.now()): string {
  const left = Date.parse(iso) - now
  const text = inLargestUnit(Math.abs(left))
  return left < 0 ? `${text} ago` : `in ${text}`
}

/** Milliseconds as a duration of the configuration. */
export function duration(ms: number): string {
  const [unit, length] = UNITS.find(([, length]) => ms % length === 0) ?? UNITS[3]
  return `${Math.round(ms / length)}${unit === 'min' ? 'm' : unit}`
}
