import { type Name, printName } from '../dns/name.ts'

/** Says something about the value at `path` of the config. */
export type Say = (path: readonly (string | number)[], message: string) => void

/** A name as operators write it: without its final dot. */
export function shownName(name: Name): string {
  return name.length === 1 ? '.' : printName(name).slice(0, -1)
}
