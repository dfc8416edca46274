import { VaultError } from './error.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a `ttl` as clients write it: seconds ("3600"), or Go's durations ("2160h", "1h30m0s"), and days. Throws VaultError. */
export function readTtl(value: unknown): number | undefined {
  if (value === undefined || value === '' || value === '0' || value === 0) return undefined
  const text = String(value)
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000
  const parts = text.match(/\d{1,10}(?:\.\d+)?[smhd]/g)
  if (!parts || parts.join('') !== text) throw new VaultError(400, `"${text.slice(0, 40)}" is not a ttl`)
  return parts.reduce((sum, part) => sum + Number(part.slice(0, -1)) * UNITS[part.at(-1)!]!, 0)
}
