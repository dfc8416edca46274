/** What every certificate of one kind has in common. Times in milliseconds. */
export interface Profile {
  name: string
  /** From notBefore to notAfter, both included. */
  validity: number
  /** How far notBefore lies in the past, for clients whose clock is slow. */
  backdate: number
  /** Part of the validity (0 to 1) by which the end is moved forward at random, so that renewals spread. */
  jitter: number
  usages: readonly ('server' | 'client')[]
}
