/** Says something about the value at `path` of the config. */
export type Say = (path: readonly (string | number)[], message: string) => void
