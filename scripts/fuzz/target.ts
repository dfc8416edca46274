/** Something that takes input from strangers, and what it promises. */
export interface FuzzTarget {
  /** Of the files in its corpus. */
  readonly extension: string
  /** Parts that its format knows, to be mixed in. */
  readonly words: readonly Uint8Array[]
  /** Throws where a promise is broken; input that is refused in the proper way is fine. */
  check(input: Uint8Array): void | Promise<void>
}
