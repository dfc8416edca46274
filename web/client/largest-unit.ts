/** Units of time, the largest first, with their milliseconds. */
export const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** A span of milliseconds in its largest whole unit, as in "3 h". */
export function inLargestUnit(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => milliseconds >= size) ?? UNITS[3]
  return `${Math.floor(milliseconds / size)} ${unit}`
}
